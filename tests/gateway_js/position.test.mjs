// Which events are repeats, in random sequences of channels and epochs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ResumePosition } from "../../simulcast/gateway/gateway_position.js";

const WALKS = 300;
const STEPS = 200;

/** A generator of whole numbers below a bound, the same for the same seed (mulberry32). */
function randomNumbers(seed) {
  return (bound) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) % bound;
  };
}

const event = (channel, id) => `{"event_id":"${id}"${channel && `,"channel":"${channel}"`},"type":"x"}`;

test("an event is new unless an earlier connection brought it, or a later one of its epoch", () => {
  for (let seed = 0; seed < WALKS; seed++) {
    const [random, position, seen] = [randomNumbers(seed), new ResumePosition(), new Map()];
    let before = new Map();
    for (let step = 0; step < STEPS; step++) {
      if (random(12) === 0) {
        if (random(4) === 0) position.forget();
        position.begin();
        before = new Map(seen);
      }
      const [channel, epoch, offset] = [["", "a", "b"][random(3)], random(4), random(50)];
      const key = `${channel} ${epoch}`;
      const isNew = offset > (before.get(key) ?? -1);
      assert.equal(position.isNew(event(channel, `${epoch}-${offset}`)), isNew, `seed ${seed}, step ${step}`);
      if (isNew) seen.set(key, Math.max(offset, seen.get(key) ?? -1));
    }
  }
});

test("the client resumes in the epoch of the newest event, at its largest offset", () => {
  const position = new ResumePosition();
  for (const id of ["7-20", "3-1", "3-2"]) position.isNew(event("", id));
  assert.equal(position.since, "3-2");
  position.begin();
  assert.deepEqual(["7-20", "3-2", "7-21"].map((id) => position.isNew(event("", id))), [false, false, true]);
  assert.equal(position.since, "7-21");
});

test("of many epochs the last 64 are remembered", () => {
  const position = new ResumePosition();
  const ids = [...Array(65).keys()].map((epoch) => `${epoch}-1`);
  for (const id of ids) position.isNew(event("", id));
  position.begin();
  assert.deepEqual(ids.filter((id) => position.isNew(event("", id))), ["0-1"]);
});
