// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  areaOf, boundsOf, deleteVertex, flawOf, insertVertex, isHit, lengthOf, moveVertex, resizeBox, resizeRotatedBox, rotate,
  settle, simple, simplify, snapAngle, squareFrom, stepAt, stepOf, translateWithin,
} from '../../../exact_core/web/static/viewer/geometry.js';
import { fromJson, toJson } from '../../../exact_core/web/static/viewer/geometry_json.js';

/** @typedef {import('../../../exact_core/web/static/viewer/types.js').XY} XY */

const box = simple('box', [[10, 20], [30, 60]]);
/** @type {XY[]} */
const square = [[0, 0], [10, 0], [10, 10], [0, 10]];
const polygon = simple('polygon', square);
const withHole = { .../** @type {any} */ (polygon), rings: [square, [[2, 2], [4, 2], [4, 4], [2, 4]]] };

test('a box has the area of its sides and an ellipse π/4 of it', () => {
  assert.equal(areaOf(box), 800);
  assert.ok(Math.abs(areaOf({ ...box, shape: 'ellipse' }) - 200 * Math.PI) < 1e-9);
});

test('holes are taken off the area, whatever way round they were drawn', () => {
  assert.equal(areaOf(withHole), 96);
  assert.equal(areaOf({ ...withHole, rings: [square, [...withHole.rings[1]].reverse()] }), 96);
});

test('lengths use the scale of each axis', () => {
  assert.equal(lengthOf(simple('line', [[0, 0], [3, 4]])), 5);
  assert.equal(lengthOf(simple('line', [[0, 0], [3, 4]]), 2, 0), 6);
  assert.equal(lengthOf(polygon), 40);
  const circle = simple('ellipse', [[0, 0], [20, 20]]);
  assert.ok(Math.abs(lengthOf(circle) - 20 * Math.PI) < 1e-3);
});

test('a corner of a box goes where it is pulled and the opposite one stays', () => {
  assert.deepEqual(boundsOf(resizeBox(box, 'se', [50, 70])), [10, 20, 50, 70]);
  assert.deepEqual(boundsOf(resizeBox(box, 'nw', [0, 0])), [0, 0, 30, 60]);
  assert.deepEqual(boundsOf(resizeBox(box, 'e', [50, 999])), [10, 20, 50, 60]);
});

test('a corner pulled past the opposite one turns the box inside out without breaking it', () => {
  assert.deepEqual(boundsOf(resizeBox(box, 'se', [0, 0])), [0, 0, 10, 20]);
});

test('Shift keeps a box square and Alt keeps its centre', () => {
  assert.deepEqual(boundsOf(resizeBox(box, 'se', [20, 70], { square: true })), [10, 20, 60, 70]);
  assert.deepEqual(boundsOf(resizeBox(box, 'e', [40, 0], { centred: true })), [0, 20, 40, 60]);
});

test('a square grows towards the pointer on every side', () => {
  assert.deepEqual(squareFrom([10, 10], [4, 30]), [-10, 30]);
  assert.deepEqual(squareFrom([10, 10], [30, 4]), [30, -10]);
});

test('Shift turns a line to the nearest eighth of a turn', () => {
  const [x, y] = snapAngle([0, 0], [100, 8]);
  assert.ok(Math.abs(x - 100) < 1e-9 && Math.abs(y) < 1e-9);
  const [dx, dy] = snapAngle([0, 0], [90, 110]);
  assert.ok(Math.abs(dx - 100) < 1e-9 && Math.abs(dy - 100) < 1e-9);
});

test('a shape that is pushed against the border stops there and keeps its form', () => {
  const moved = translateWithin(box, -500, 500, 200, 100);
  assert.deepEqual(boundsOf(moved), [0, 60, 20, 100]);
});

test('vertices are moved, put in and taken away', () => {
  assert.deepEqual(moveVertex(polygon, 0, 2, [20, 20]).rings[0][2], [20, 20]);
  assert.deepEqual(insertVertex(polygon, 0, 3, [-5, 5]).rings[0], [...square, [-5, 5]]);
  assert.equal(deleteVertex(polygon, 0, 1)?.rings[0].length, 3);
});

test('a polygon keeps at least three corners, and a hole that gets too small goes', () => {
  const triangle = deleteVertex(polygon, 0, 0);
  assert.ok(triangle);
  assert.equal(deleteVertex(triangle, 0, 0), null);
  const thin = { ...withHole, rings: [square, [[2, 2], [4, 2], [4, 4]]] };
  assert.equal(deleteVertex(/** @type {any} */ (thin), 1, 0)?.rings.length, 1);
});

test('pulling a corner of a turned box keeps its right angles and its opposite corner', () => {
  const turned = rotate(simple('rotated_box', [[0, 0], [40, 0], [40, 20], [0, 20]]), 0.4);
  const pulled = resizeRotatedBox(turned, 2, [60, 60]).rings[0];
  assert.deepEqual(pulled[0], turned.rings[0][0]);
  assert.ok(Math.hypot(pulled[2][0] - 60, pulled[2][1] - 60) < 1e-9);
  const dot = (pulled[1][0] - pulled[0][0]) * (pulled[3][0] - pulled[0][0]) + (pulled[1][1] - pulled[0][1]) * (pulled[3][1] - pulled[0][1]);
  assert.ok(Math.abs(dot) < 1e-6);
});

test('a click means a shape when it is inside, or on its line', () => {
  assert.ok(isHit(polygon, [5, 5], 0));
  assert.ok(!isHit(withHole, [3, 3], 0));
  assert.ok(isHit(simple('line', [[0, 0], [100, 0]]), [50, 3], 4));
  assert.ok(!isHit(simple('line', [[0, 0], [100, 0]]), [50, 5], 4));
  assert.ok(!isHit(simple('ellipse', [[0, 0], [20, 20]]), [1, 1], 0));
});

test('what is kept has whole pixels of the picture and no repeated vertex', () => {
  const drawn = simple('polygon', [[-3.2, 0.4], [0.3, 0], [10.6, 0], [999, 7.5], [0, 0]]);
  assert.deepEqual(settle(drawn, 100, 100).rings[0], [[0, 0], [11, 0], [100, 8]]);
});

test('near by a hand sets fractions of pixels, at most one pixel of the screen each', () => {
  assert.deepEqual([0.01, 1, 1.5, 2, 3, 16, 1e6].map(stepAt), [1, 1, 0.5, 0.5, 0.25, 1 / 16, 1 / 256]);
  assert.deepEqual(settle(simple('point', [[10.55, 3.3]]), 100, 100, stepAt(16)).rings[0], [[10.5625, 3.3125]]);
  assert.equal(flawOf(simple('box', [[0, 0], [0.5, 0.5]])), 'It has no area.');
  assert.equal(flawOf(simple('box', [[0, 0], [0.5, 0.5]]), stepAt(16)), '');
});

test('a shape with fractions keeps its form where it is moved from afar', () => {
  const fine = simple('polygon', [[10.25, 10], [20.00390625, 10], [20, 30.5]]);
  assert.equal(stepOf(fine), 1 / 256);
  assert.equal(stepOf(simple('box', [[10.5, 3], [12, 8.25]])), 0.25);
  assert.equal(stepOf(polygon), 1);
  assert.equal(stepOf(simple('point', [[1 / 3, 0]])), 1 / 256, 'no finer than what is kept');
  const moved = settle(translateWithin(fine, 0.7, 3.3, 100, 100), 100, 100, stepOf(fine));
  const [dx, dy] = [moved.rings[0][0][0] - 10.25, moved.rings[0][0][1] - 10];
  assert.deepEqual(moved.rings[0], fine.rings[0].map(([x, y]) => [x + dx, y + dy]));
});

test('outlines turn clockwise on the screen and holes the other way, from the same first vertex', () => {
  const hole = withHole.rings[1];
  const turned = settle({ ...withHole, rings: [[...square].reverse(), hole] }, 100, 100);
  assert.deepEqual(turned.rings[0], [[0, 10], [0, 0], [10, 0], [10, 10]]);
  assert.deepEqual(turned.rings[1], [hole[0], hole[3], hole[2], hole[1]]);
  assert.deepEqual(settle(turned, 100, 100), turned);
});

test('an ellipse may stick out of the picture, because cutting it would change it', () => {
  assert.deepEqual(settle(simple('ellipse', [[-20, -20], [20, 20]]), 100, 100).rings[0], [[-20, -20], [20, 20]]);
});

test('shapes without extent are refused with the reason', () => {
  assert.match(flawOf(simple('box', [[5, 5], [5, 9]])), /no area/);
  assert.match(flawOf(simple('line', [[5, 5], [5, 5]])), /two different points/);
  assert.match(flawOf(simple('polygon', [[0, 0], [5, 5]])), /three corners/);
  assert.equal(flawOf(simple('point', [[0, 0]])), '');
});

test('simplifying a freehand line keeps its corners and drops what lies on its sides', () => {
  /** @type {XY[]} */
  const drawn = [];
  for (let x = 0; x <= 100; x += 1) drawn.push([x, Math.sin(x) * 0.2]);
  for (let y = 1; y <= 100; y += 1) drawn.push([100, y]);
  const kept = simplify(drawn, 1);
  assert.equal(kept.length, 3);
  assert.deepEqual(kept[2], [100, 100]);
});

test('simplifying a hundred thousand points does not overflow the stack', () => {
  const drawn = Array.from({ length: 100_000 }, (_, i) => /** @type {XY} */ ([i, i % 2 ? 5 : 0]));
  assert.equal(simplify(drawn, 1).length, drawn.length);
});

test('geometries survive the way to the server and back', () => {
  const multi = { shape: /** @type {const} */ ('multi_polygon'), rings: [square, withHole.rings[1], square], holes: [false, true, false] };
  const json = toJson(/** @type {any} */ (multi));
  assert.deepEqual(json.parts?.map((part) => part.length), [2, 1]);
  assert.deepEqual(fromJson(json), multi);
  assert.deepEqual(fromJson(toJson(box)), box);
  assert.deepEqual(toJson({ shape: 'absent', rings: [] }), { shape: 'absent', rings: [] });
  assert.deepEqual(fromJson({ shape: 'point', rings: [[[3, 4]]] }), simple('point', [[3, 4]]));
});
