// @ts-check
/** Reading `preprocess.json`: what happens to pixels before a network and to its answer after (docs/preprocess.md). */

/**
 * @typedef {object} NetworkFile
 * @property {string} file
 * @property {number} bytes
 * @property {string} sha256  64 hexadecimal digits.
 * @property {string} integrity  As `fetch` takes it.
 *
 * @typedef {object} Contract
 * @property {'segmentation' | 'classification'} task
 * @property {string} input  Name in the network.
 * @property {string} output  Name in the network.
 * @property {string[]} classes  In the order of the output.
 * @property {number[]} bands  Which channel of the image each channel of the input is.
 * @property {number} divisor
 * @property {number[]} mean
 * @property {number[]} std
 * @property {'softmax' | 'sigmoid' | 'none'} activation
 * @property {number | null} mpp  Micrometres per pixel; null: as the image is.
 * @property {number} multiple
 * @property {number} tile  Pixels.
 * @property {number} step  Pixels.
 * @property {'uniform' | 'hann'} window
 * @property {number} pad_value
 * @property {NetworkFile | null} model
 */

/** A file that does not follow docs/preprocess.md. */
export class ContractError extends Error {}

/** @typedef {(value: any) => boolean} Rule */

const isPositive = (/** @type {any} */ value) => Number.isFinite(value) && value > 0;
const isName = (/** @type {any} */ value) => typeof value === 'string' && value.length > 0 && value.length <= 200;
/** @param {number} least @param {number} most @returns {Rule} */
const whole = (least, most) => (value) => Number.isInteger(value) && value >= least && value <= most;
/** @param {Rule} rule @param {number} most @returns {Rule} */
const listOf = (rule, most) => (value) => Array.isArray(value) && value.length > 0 && value.length <= most && value.every(rule);
/** @param {...string} words @returns {Rule} */
const oneOf = (...words) => (value) => words.includes(value);

/** @type {Record<string, Rule>} */
const NETWORK = {
  file: (value) => typeof value === 'string' && /^[a-z0-9_-]+\.onnx$/.test(value),
  bytes: whole(1, Number.MAX_SAFE_INTEGER),
  sha256: (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
  integrity: (value) => typeof value === 'string' && /^sha256-[A-Za-z0-9+/]{43}=$/.test(value),
};

/** Each field with its rule and what it is when the file does not say; `classes` must be said. @type {Record<string, [Rule, any?]>} */
const FIELDS = {
  format: [(value) => value === 1, 1],
  task: [oneOf('segmentation', 'classification'), 'segmentation'],
  input: [isName, 'image'],
  output: [isName, 'logits'],
  classes: [listOf(isName, 1000)],
  bands: [listOf(whole(0, 1023), 1024), [0, 1, 2]],
  divisor: [isPositive, 255],
  mean: [listOf(Number.isFinite, 1024), [0, 0, 0]],
  std: [listOf(isPositive, 1024), [1, 1, 1]],
  activation: [oneOf('softmax', 'sigmoid', 'none'), 'softmax'],
  mpp: [(value) => value === null || isPositive(value), null],
  multiple: [whole(1, 1024), 32],
  tile: [whole(1, 16_384), 512],
  step: [whole(1, 16_384), 384],
  window: [oneOf('uniform', 'hann'), 'uniform'],
  pad_value: [Number.isFinite, 255],
  model: [(value) => value === null || follows(NETWORK, value), null],
};

/**
 * Check what a file holds.
 *
 * @param {any} value parsed JSON
 * @returns {Contract}
 * @throws {ContractError} names the field that is missing, unknown or wrong
 */
export function readContract(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('it is no object');
  const unknown = Object.keys(value).find((name) => !(name in FIELDS));
  if (unknown !== undefined) throw wrong(`the field “${unknown}” is unknown`);
  /** @type {any} */
  const read = {};
  for (const [name, [rule, usual]] of Object.entries(FIELDS)) {
    const told = name in value ? value[name] : usual;
    if (told === undefined) throw wrong(`the field “${name}” is missing`);
    if (!rule(told)) throw wrong(`the field “${name}” cannot be ${JSON.stringify(told)}`);
    read[name] = told;
  }
  if (read.bands.length !== read.mean.length || read.bands.length !== read.std.length) throw wrong('“bands”, “mean” and “std” are not equally long');
  if (read.step > read.tile) throw wrong('“step” is longer than “tile”');
  if (read.task === 'segmentation' && read.tile % read.multiple !== 0) throw wrong('“tile” is not a multiple of “multiple”');
  return read;
}

/** @param {Record<string, Rule>} rules @param {any} value */
function follows(rules, value) {
  if (typeof value !== 'object' || value === null) return false;
  const names = Object.keys(rules);
  return Object.keys(value).length === names.length && names.every((name) => name in value && rules[name](value[name]));
}

/** @param {string} what */
function wrong(what) {
  return new ContractError(`The model’s preprocess.json is wrong: ${what}. Export the model again.`);
}
