// Round numbers for an axis.

/** From zero to at least `max`, in about `parts` equal steps of 1, 2 or 5 times a power of ten. */
export function ticks(max, parts) {
  if (!(max > 0)) return [0, 1];
  const rough = max / parts;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const levels = [0];
  while (levels.at(-1) < max) levels.push(Number((levels.length * step).toPrecision(12)));
  return levels;
}
