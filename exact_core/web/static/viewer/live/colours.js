// @ts-check
/** How probabilities become colours: the classes that are shown, each in its colour, the surer the denser. */

/**
 * @typedef {import('../../inference/field.js').Field} Field
 *
 * @typedef {object} Shown  A class of the model on the screen.
 * @property {string} name
 * @property {string} color  ``#rrggbb``
 * @property {boolean} isShown
 */

/** Colours that stay apart on slides stained in pink and violet, in the order of the classes. */
const PALETTE = ['#00a6a6', '#ffb000', '#3d7bff', '#7ac800', '#ff5a36', '#b452ff', '#00c853', '#ff4fa3'];
const LEAST_ALPHA = 70;

/** What is nothing in particular: not worth a colour until somebody asks for it. */
const BACKGROUND = /^(background|other|none|nothing|tissue)$/i;

/**
 * The classes of a model with the colours of the set's types of the same name, else of the palette.
 *
 * @param {string[]} names @param {{name: string, color: string}[]} types
 * @returns {Shown[]}
 */
export function classesOf(names, types) {
  const colors = new Map(types.map(({ name, color }) => [name.toLowerCase(), color]));
  let next = 0;
  const hidesBackground = names.length > 1;
  return names.map((name) => {
    const isShown = !(hidesBackground && BACKGROUND.test(name));
    const color = colors.get(name.toLowerCase()) ?? (isShown ? PALETTE[next++ % PALETTE.length] : '#8a8f98');
    return { name, color, isShown };
  });
}

/**
 * One picture of a field: per pixel the likeliest shown class that reaches the threshold.
 *
 * @param {Field} field @param {Shown[]} classes @param {number} threshold 0 to 1
 * @returns {Uint8ClampedArray<ArrayBuffer>} RGBA `(height, width)`
 */
export function paint({ values, width, height }, classes, threshold) {
  const size = width * height;
  const found = new Uint8ClampedArray(size * 4);
  const shown = classes.flatMap(({ isShown, color }, index) => (isShown ? [{ first: index * size, rgb: rgbOf(color) }] : []));
  for (let pixel = 0; pixel < size; pixel += 1) {
    let [best, least] = [/** @type {[number, number, number] | null} */ (null), threshold];
    for (const { first, rgb } of shown) {
      const value = values[first + pixel];
      if (value >= least && value > 0) [best, least] = [rgb, value];
    }
    if (!best) continue;
    found.set(best, pixel * 4);
    found[pixel * 4 + 3] = LEAST_ALPHA + (255 - LEAST_ALPHA) * strength(least, threshold);
  }
  return found;
}

/** From 0 at the threshold to 1. @param {number} value @param {number} threshold */
function strength(value, threshold) {
  return threshold < 1 ? (value - threshold) / (1 - threshold) : 1;
}

/** @param {string} color ``#rrggbb`` @returns {[number, number, number]} */
export function rgbOf(color) {
  const number = Number.parseInt(color.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}
