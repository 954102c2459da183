// What the node said before: rates are differences between two answers.

/** How far back the charts go, in seconds. */
const WINDOW_S = 300;

/** How far back "the last minute" goes, in seconds. */
const MINUTE_S = 60;

/** Answers kept: one a second, and some to spare. The oldest are forgotten. */
const ANSWERS_MAX = WINDOW_S + 60;

export class History {
  constructor() {
    this.clear();
  }

  /** Another process answers: nothing before can be compared with it. */
  clear() {
    this.answers = [];
  }

  add(status) {
    const kinds = new Map();
    for (const [kind, figures] of Object.entries(status.kinds)) kinds.set(kind, figures.handled);
    const before = this.answers.at(-1);
    // Two answers at one moment have no rate between them.
    if (before && status.uptime_s <= before.at_s) return;
    this.answers.push({ at_s: status.uptime_s, kinds, rates: ratesBetween(before, status.uptime_s, kinds), counts: status.latency.counts });
    if (this.answers.length > ANSWERS_MAX) this.answers.shift();
  }

  get now_s() {
    return this.answers.at(-1)?.at_s ?? 0;
  }

  /** Messages of a kind handled per second, lately; null before there are two answers. */
  rate(kind) {
    return this.answers.at(-1)?.rates?.get(kind) ?? null;
  }

  /** Points of the last five minutes: how long ago, and rates by kind. */
  points() {
    const now = this.now_s;
    return this.answers.filter((answer) => answer.rates && now - answer.at_s <= WINDOW_S).map((answer) => ({ ago_s: now - answer.at_s, rates: answer.rates }));
  }

  /** What was added to each bucket of the latencies within the last minute. */
  lastMinute(counts) {
    const since = this.answers.find((answer) => this.now_s - answer.at_s <= MINUTE_S);
    return counts.map((count, bucket) => Math.max(0, count - (since?.counts[bucket] ?? 0)));
  }
}

function ratesBetween(before, at_s, kinds) {
  if (!before) return null;
  const rates = new Map();
  for (const [kind, handled] of kinds) {
    // A kind that was not there before had handled nothing.
    const more = handled - (before.kinds.get(kind) ?? 0);
    rates.set(kind, Math.max(0, more / (at_s - before.at_s)));
  }
  return rates;
}
