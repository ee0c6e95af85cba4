// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ringReader } from '../../../exact_core/web/static/viewer/layer/texels.js';
import { decodeView, readHeader, WireError } from '../../../exact_core/web/static/viewer/wire.js';
import { encode, encodeCentroids, encodeShapes, encodeSummary } from './encode_view.js';

/** @type {import('./encode_view.js').Drawing[]} */
const DRAWINGS = [
  { id: 2 ** 40 + 1, shape: 'box', rings: [[[10, 20], [30, 50]]], typeId: 5, authorId: 3, revision: 9 },
  {
    id: 12, shape: 'polygon', typeId: 8, holes: [false, true],
    rings: [[[900_000, 100], [932_000, 100], [900_100, 30_000]], [[900_010, 110], [900_020, 110], [900_010, 120]]],
  },
  { id: 13, shape: 'image', rings: [], typeId: 5, box: [0, 0, 0, 0] },
];

for (const coordinates of /** @type {const} */ (['int16-delta', 'int32'])) {
  test(`shapes come out as they went in with ${coordinates} coordinates`, () => {
    const view = decodeView(encodeShapes(DRAWINGS, { revision: 41, box: [1, 2, 3, 4], coordinates }));
    assert.equal(view.kind, 'shapes');
    if (view.kind !== 'shapes') return;
    assert.equal(view.header.revision, 41);
    assert.deepEqual(view.header.box, [1, 2, 3, 4]);
    assert.deepEqual([...view.id], [2 ** 40 + 1, 12, 13]);
    assert.deepEqual([...view.type].map((i) => view.header.types[i]), [5, 8, 5]);
    assert.deepEqual([...view.author].map((i) => view.header.authors[i]), [3, 7, 7]);
    assert.deepEqual([...view.shape], [2, 6, 9]);
    assert.deepEqual([...view.revision], [9, 1, 1]);
    assert.deepEqual([...view.ringStart], [0, 1, 3, 3]);
    assert.deepEqual([...view.ringLength], [2, 3, 3]);
    assert.deepEqual([...view.ringHole], [0, 0, 1]);
    assert.equal(view.xy.length, coordinates === 'int32' ? 16 : 0);
    assert.equal(view.delta.length, coordinates === 'int32' ? 0 : 10);
  });
}

for (const coordinates of /** @type {const} */ (['int16-delta', 'int32'])) {
  test(`fractions of pixels are read beside whole ones with ${coordinates} coordinates`, () => {
    /** @type {import('./encode_view.js').Drawing[]} */
    const drawings = [
      { id: 1, shape: 'polygon', bits: 8, holes: [false, true], rings: [[[10.5, 2], [20.00390625, 2], [20, 9.25]], [[12, 3], [13, 3], [13, 3.5]]] },
      { id: 2, shape: 'box', rings: [[[10, 20], [30, 50]]] },
      { id: 3, shape: 'image', rings: [], box: [0, 0, 9, 9] },
      { id: 4, shape: 'point', bits: 1, rings: [[[-0.5, 7.5]]] },
    ];
    const view = decodeView(encodeShapes(drawings, { coordinates }));
    assert.ok(view.kind === 'shapes');
    assert.deepEqual([...view.fractionBits], [8, 0, 0, 1]);
    const vertexOf = ringReader(view);
    const rings = [...view.ringLength].map((length, ring) => [...vertexOf(ring).subarray(0, 2 * length)]);
    assert.deepEqual(rings, drawings.flatMap((drawing) => drawing.rings.map((ring) => ring.flat())));
    const large = decodeView(encodeCentroids([drawings[1]], [drawings[0]], { coordinates }));
    assert.ok(large.kind === 'centroids' && large.large);
    assert.deepEqual([...large.large.fractionBits], [8]);
    assert.deepEqual([...ringReader(large.large)(1).subarray(0, 6)], drawings[0].rings[1].flat());
  });
}

test('a view of whole pixels says nothing of fractions', () => {
  const view = decodeView(encodeShapes(DRAWINGS));
  assert.equal(view.kind === 'shapes' && view.fractionBits.length, 0);
});

test('arrays are views of the answer and not copies', () => {
  const buffer = encodeShapes(DRAWINGS);
  const view = decodeView(buffer);
  assert.equal(view.kind === 'shapes' && view.id.buffer, buffer);
});

test('centroids carry the shapes that are large beside them', () => {
  const view = decodeView(encodeCentroids([DRAWINGS[0]], [DRAWINGS[1]]));
  assert.ok(view.kind === 'centroids');
  assert.deepEqual([...view.xy], [20, 35]);
  assert.deepEqual([...(view.large?.id ?? [])], [12]);
  assert.equal(view.header.types[view.large?.type[0] ?? 99], 8);
});

test('a summary needs no authors', () => {
  const view = decodeView(encodeSummary([{ typeId: 4, column: 3, row: 9, count: 1000 }]));
  assert.ok(view.kind === 'summary');
  assert.deepEqual([[...view.cell], [...view.count], view.large], [[3, 9], [1000], null]);
});

test('an empty view is a view', () => {
  const view = decodeView(encodeShapes([]));
  assert.equal(view.kind === 'shapes' && view.id.length, 0);
  const bare = encode({ kind: 'shapes', revision: 3, n: 0, box: [0, 0, 1, 1], types: [], authors: [] }, {});
  assert.equal(decodeView(bare).header.revision, 3);
});

test('what is no view is refused with a reason', () => {
  const whole = encodeShapes(DRAWINGS);
  const refused = (/** @type {ArrayBuffer} */ buffer, /** @type {RegExp} */ reason) =>
    assert.throws(() => decodeView(buffer), (error) => error instanceof WireError && reason.test(error.message));
  refused(new ArrayBuffer(3), /EXV1/);
  refused(new TextEncoder().encode('<!doctype html><html>').buffer, /EXV1/);
  refused(whole.slice(0, 40), /inside its header/);
  refused(whole.slice(0, whole.byteLength - 8), /ends inside/);
  const damaged = whole.slice(0);
  new Uint8Array(damaged)[9] = 0;
  refused(damaged, /not JSON/);
  const header = { kind: 'shapes', revision: 1, n: 1, box: [0, 0, 1, 1], types: [], authors: [] };
  refused(encode({ ...header, kind: 'novel' }, {}), /novel/);
  refused(encode(header, {}), /ring_start/);
  refused(encode({ ...header, n: -1 }, {}), /count/);
  refused(encode({ ...header, box: [0] }, {}), /box/);
});

test('a type that the header does not list is refused', () => {
  const header = { kind: 'summary', revision: 1, n: 1, box: [0, 0, 1, 1], types: [], authors: [] };
  const arrays = { type: new Uint16Array([0]), cell: new Uint32Array(2), count: new Uint32Array(1) };
  assert.throws(() => decodeView(encode(header, arrays)), /names a type/);
});

/** @type {[string, (header: any) => void][]} */
const DAMAGES = [
  ['a wrong number type', (header) => { header.arrays[0].type = 'int32'; }],
  ['a wrong length', (header) => { header.arrays[0].length += 1; }],
  ['an offset behind the end', (header) => { header.arrays[0].offset = 1e9; }],
  ['a negative offset', (header) => { header.arrays[0].offset = -8; }],
];
for (const [what, damage] of DAMAGES) {
  test(`an array table with ${what} is refused`, () => {
    const { header, start } = readHeader(encodeShapes(DRAWINGS));
    damage(header);
    const json = new TextEncoder().encode(JSON.stringify(header).padEnd(start + 64));
    const bytes = new Uint8Array(8 + json.length + 4096);
    bytes.set(new TextEncoder().encode('EXV1'));
    new DataView(bytes.buffer).setUint32(4, json.length, true);
    bytes.set(json, 8);
    assert.throws(() => decodeView(bytes.buffer), WireError);
  });
}
