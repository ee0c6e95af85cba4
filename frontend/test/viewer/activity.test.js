// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ActiveClock, IDLE_MS } from '../../../exact_core/web/static/viewer/activity.js';

test('time counts while there are signs of life', () => {
  const clock = new ActiveClock(0);
  for (let at = 0; at <= 15_000; at += 1000) clock.sign(at);
  assert.equal(clock.take(15_000), 15);
  assert.equal(clock.take(15_000), 0);
});

test('looking without moving counts for half a minute, and not longer', () => {
  const clock = new ActiveClock(0);
  clock.sign(5_000);
  assert.equal(clock.take(20_000), 20);
  assert.equal(clock.take(200_000), (5_000 + IDLE_MS - 20_000) / 1000);
  assert.equal(clock.take(300_000), 0);
});

test('who returns after a pause goes on from there', () => {
  const clock = new ActiveClock(0);
  clock.take(100_000);
  clock.sign(500_000);
  assert.equal(clock.take(507_000), 7);
});

test('a hidden page does not count, and signs on it do not either', () => {
  const clock = new ActiveClock(0);
  clock.show(false, 4_000);
  clock.sign(9_000);
  assert.equal(clock.take(20_000), 4);
  clock.show(true, 30_000);
  assert.equal(clock.take(33_000), 3);
});

test('a clock that jumps back counts nothing twice', () => {
  const clock = new ActiveClock(10_000);
  clock.sign(12_000);
  clock.sign(11_000);
  assert.equal(clock.take(13_000), 3);
});
