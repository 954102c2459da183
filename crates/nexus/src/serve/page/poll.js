// Asks the node how it is, once a second, and says when it is gone, back, or another.

import { get, isUnauthorized } from './api.js';

/** Between an answer and the next question, in milliseconds: what people call live. */
const EVERY_MS = 1000;

/** Between questions while nobody answers, in milliseconds. */
const GONE_MS = 2000;

/**
 * Calls one of `on` each time: `status(status, restarted)`, `gone(error)`, or
 * `unauthorized()`. Returns a function that asks at once.
 */
export function poll(on) {
  let last = null;
  let timer = 0;
  // Only the latest question counts: an answer to an earlier one may come late.
  let round = 0;

  async function ask() {
    clearTimeout(timer);
    round += 1;
    const mine = round;
    let pause = EVERY_MS;
    try {
      const status = await get('/v1/status');
      if (mine !== round) return;
      const restarted = last !== null && isAnother(last, status);
      last = status;
      on.status(status, restarted);
    } catch (error) {
      if (mine !== round) return;
      pause = GONE_MS;
      if (isUnauthorized(error)) {
        on.unauthorized();
        return;
      }
      on.gone(error);
    }
    timer = setTimeout(ask, pause);
  }

  ask();
  return ask;
}

// A clock that runs backwards is that of another process.
const isAnother = (before, after) => before.node !== after.node || after.uptime_s < before.uptime_s;
