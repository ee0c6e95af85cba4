// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatMicrometres, formatPosition, formatSquareMicrometres } from '../../../exact_core/web/static/viewer/measure.js';
import { describeZoom, nativeMagnification, niceBelow, parseZoom, scaleBar, zoomFor } from '../../../exact_core/web/static/viewer/scale.js';

test('a scale bar is 1, 2 or 5 times a power of ten', () => {
  for (const [value, nice] of [[1, 1], [1.9, 1], [2, 2], [4.99, 2], [5, 5], [9.9, 5], [10, 10], [730, 500], [0.03, 0.02], [1000, 1000]]) {
    assert.ok(Math.abs(niceBelow(value) - nice) < 1e-12, `${value} gives ${niceBelow(value)}`);
  }
});

test('the bar is never wider than allowed and never less than two fifths of it', () => {
  for (let zoom = 0.001; zoom < 20; zoom *= 1.17) {
    const { width } = scaleBar(zoom, 0.25, 150);
    assert.ok(width <= 150 + 1e-6 && width >= 59.9, `zoom ${zoom}: ${width}`);
  }
});

test('the bar tells µm, mm, and px where there is no scale', () => {
  assert.equal(scaleBar(1, 0.5, 150).label, '50 µm');
  assert.equal(scaleBar(0.01, 0.25, 150).label, '2 mm');
  assert.equal(scaleBar(1, null, 150).label, '100 px');
  assert.equal(scaleBar(500, null, 150).label, '1 px');
});

test('the bar says when the picture is enlarged beyond its resolution', () => {
  assert.equal(scaleBar(1, 0.25, 150).beyondNative, false);
  assert.equal(scaleBar(1.01, 0.25, 150).beyondNative, true);
});

test('magnification comes from the objective, else from the size of a pixel, else there is none', () => {
  assert.equal(nativeMagnification({ objective_power: 20, mpp_x: 0.5 }), 20);
  assert.equal(nativeMagnification({ objective_power: null, mpp_x: 0.25 }), 40);
  assert.equal(nativeMagnification({ objective_power: null, mpp_x: null }), null);
  assert.equal(zoomFor(10, 40), 0.25);
});

test('a magnification is written as people write it', () => {
  assert.equal(describeZoom(0.5, 40), '20×');
  assert.equal(describeZoom(0.03125, 40), '1.25×');
  assert.equal(describeZoom(0.5, null), '50\u202f%');
});

test('typed magnifications are understood in every usual spelling', () => {
  assert.equal(parseZoom('20', 40), 0.5);
  assert.equal(parseZoom(' 2,5 × ', 40), 0.0625);
  assert.equal(parseZoom('10x', 40), 0.25);
  assert.equal(parseZoom('50 %', 40), 0.5);
  assert.equal(parseZoom('50', null), 0.5);
  assert.equal(parseZoom('Fit', 40), 'fit');
  for (const nonsense of ['', 'x', '-3', '1e9', '0', '2..5', '10 cm']) assert.equal(parseZoom(nonsense, 40), null, nonsense);
});

test('lengths, areas and positions change their unit where the number gets long', () => {
  assert.equal(formatMicrometres(0.05), '50 nm');
  assert.equal(formatMicrometres(12.34), '12.3 µm');
  assert.equal(formatMicrometres(1234), '1.23 mm');
  assert.equal(formatSquareMicrometres(2_500_000), '2.5 mm²');
  assert.equal(formatSquareMicrometres(312.4), '312 µm²');
  assert.deepEqual(formatPosition([1234.7, 9.2], { mpp_x: null, mpp_y: null }), { pixels: '1\u202f234, 9 px', metric: '' });
  assert.equal(formatPosition([40_000, 100], { mpp_x: 0.25, mpp_y: 0.25 }).metric, '10.000, 0.025 mm');
});
