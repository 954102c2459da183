// Which colour belongs to which kind: given once, kept while the page is open.

/** Colours there are; kinds beyond share the last, and are one line in charts. */
export const COLOURS = 8;

const given = new Map();

export function colour(kind) {
  if (!given.has(kind)) given.set(kind, Math.min(given.size, COLOURS - 1));
  return given.get(kind);
}
