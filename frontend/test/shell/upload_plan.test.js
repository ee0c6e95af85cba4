// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { planUploads } from '../../../exact_core/web/static/shell/upload_plan.js';

/** @param {...string} paths */
const chosen = (...paths) => paths.map((path) => ({ path, file: new File(['x'], path.split('/').at(-1) ?? '') }));
/** @param {import('../../../exact_core/web/static/shell/upload_plan.js').Plan} plan */
const shape = (plan) => ({
  single: plan.single.map((each) => each.path),
  groups: Object.fromEntries(plan.groups.map((group) => [group.folder, group.files.map((each) => each.path)])),
  skipped: plan.skipped.map((each) => each.path),
});

test('plain pictures go up one by one, from any folder', () => {
  const plan = shape(planUploads(chosen('a.png', 'day1/b.jpg', 'day1/deep/c.svs')));
  assert.deepEqual(plan, { single: ['a.png', 'day1/b.jpg', 'day1/deep/c.svs'], groups: {}, skipped: [] });
});

test('an MRXS slide and its data folder are one group, other pictures beside them are not', () => {
  const plan = shape(planUploads(chosen('set/a.mrxs', 'set/a/Slidedat.ini', 'set/a/Data0.dat', 'set/photo.jpg')));
  assert.deepEqual(plan.groups, { set: ['set/a.mrxs', 'set/a/Slidedat.ini', 'set/a/Data0.dat'] });
  assert.deepEqual(plan.single, ['set/photo.jpg']);
});

test('an MRXS slide that was dropped with its folder finds it', () => {
  const plan = shape(planUploads(chosen('a.mrxs', 'a/Slidedat.ini', 'b.mrxs', 'b/Data0.dat')));
  assert.deepEqual(plan.groups, { a: ['a.mrxs', 'a/Slidedat.ini'], b: ['b.mrxs', 'b/Data0.dat'] });
});

test('a folder of DICOM files is one group, with or without extension', () => {
  const plan = shape(planUploads(chosen('slide/1.dcm', 'slide/2.dcm', 'slide/DICOMDIR')));
  assert.deepEqual(plan.groups, { slide: ['slide/1.dcm', 'slide/2.dcm', 'slide/DICOMDIR'] });
});

test('a Hamamatsu index takes the pictures beside it along', () => {
  const plan = shape(planUploads(chosen('h/x.vms', 'h/x(0).jpg', 'h/x.opt', 'other/y.jpg')));
  assert.deepEqual(plan.groups, { h: ['h/x.vms', 'h/x(0).jpg', 'h/x.opt'] });
  assert.deepEqual(plan.single, ['other/y.jpg']);
});

test('what file managers leave behind stays at home', () => {
  const plan = shape(planUploads(chosen('set/.DS_Store', 'set/Thumbs.db', '__MACOSX/a.png', 'set/a.png')));
  assert.deepEqual(plan.skipped, ['set/.DS_Store', 'set/Thumbs.db', '__MACOSX/a.png']);
  assert.deepEqual(plan.single, ['set/a.png']);
});
