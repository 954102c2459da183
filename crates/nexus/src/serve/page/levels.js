// The layers of an agent's kind, or of the pool that it stands for: how high the ladder goes,
// what each layer is worth, what was learned and adapted.

import { el } from './dom.js';
import { clock, count, figure, plural } from './format.js';

/** Members and adaptations shown at most. */
const ROWS_MAX = 16;

/** A part of the page that shows the layers of what `why` tells of. */
export function makeLevels() {
  return el('div', { id: 'levels', hidden: true });
}

/** Shows them, or nothing where there are none. Times count from `start_ms`. */
export function showLevels(part, why, start_ms) {
  const layers = why.pool ?? why.layers;
  const ladder = layers?.ladder;
  part.hidden = !ladder;
  if (part.hidden) return;
  const parts = [...head(layers, why.pool ? 'pool' : 'kind'), ladderList(ladder, start_ms), ...learned(layers), ...adapted(layers)];
  // What is as it was stays: somebody may be reading it.
  parts.forEach((made, index) => {
    const before = part.children[index];
    if (!before) part.append(made);
    else if (!before.isEqualNode(made)) before.replaceWith(made);
  });
  while (part.children.length > parts.length) part.lastChild.remove();
}

function head(layers, of) {
  const { ladder, measured } = layers;
  const asked = ladder.asked === ladder.used ? '' : ` instead of ${ladder.asked}`;
  const why = ladder.reason ? `: ${ladder.reason}` : '';
  const used = ['The ', of, ' uses the level ', el('b', {}, String(ladder.used)), `${asked}${why}. `];
  return [el('h3', {}, `Layers of the ${of}`), el('p', { class: 'saying' }, ...used, trial(measured, layers.used))];
}

/** What the trial is doing, in words. */
function trial(measured, now) {
  if (!measured) return '';
  const [phase, of] = Object.entries(measured.phase ?? {})[0] ?? [];
  const on = `The layer ${measured.layer} is on trial`;
  switch (phase) {
    case 'settling':
      return `${on}: ${count(of.outcomes)} of ${count(of.needed)} calls seen to find how long they take.`;
    case 'measuring':
      return `${on}: on and off by turns, in blocks of ${figure(of.block?.secs + of.block?.nanos / 1e9)} s; now ${now}.`;
    case 'holding':
      return `The layer ${measured.layer} pays, and is measured again after ${plural(of.blocks_left, 'block', 'blocks')}.`;
    case 'too_slow':
      return `${on}, but calls take too long for blocks of the length that is allowed.`;
    default:
      return `${on}.`;
  }
}

/** Names and what is to be said of each. */
function list(rows) {
  return el('dl', {}, ...rows.flatMap(([name, ...said]) => [el('dt', {}, name), el('dd', {}, said.filter((text) => text).join('; '))]));
}

function ladderList(ladder, start_ms) {
  const layers = [...(ladder.layers ?? [])].reverse();
  return list(layers.map((layer) => [String(layer.layer), stage(layer, start_ms), gain(layer.gain, layer.stage)]));
}

function stage(layer, start_ms) {
  const name = String(layer.stage).replaceAll('_', ' ');
  const why = layer.reason ? `: ${layer.reason}` : '';
  const at = (seconds) => clock(start_ms + seconds * 1000);
  if (layer.stage === 'off') return `${name}${why}`;
  if (typeof layer.until_s === 'number') return `${name} until ${at(layer.until_s)}${why}`;
  return `${name} since ${at(layer.since_s)}${why}`;
}

/** What is paid with it, relative to without: the ratio, its interval, and what that can tell. */
function gain(gain, stage) {
  if (typeof gain?.ratio !== 'number') return stage === 'off' ? '' : 'not measured yet';
  const blocks = plural(gain.blocks, 'block', 'blocks');
  const [low, high] = gain.interval ?? [];
  if (typeof low !== 'number') return `costs ×${gain.ratio.toFixed(3)} by ${blocks}, too few for an interval`;
  const least = typeof gain.detectable === 'number' ? `, which tell ${figure(gain.detectable * 100)} % from none` : '';
  return `costs ×${gain.ratio.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}) by ${blocks}${least}`;
}

/** The model and the speeds of members. */
function learned({ model, speeds }) {
  const parts = [];
  if (model) {
    const errors = typeof model.model_error === 'number' ? `off by ${figure(model.model_error)} ${model.unit ?? ''} on average, the plain mean by ${figure(model.baseline_error)} ${model.unit ?? ''}` : 'nothing to judge it by yet';
    const use = model.in_use === false ? `not in use: ${model.reason}` : 'in use';
    parts.push(el('h3', {}, 'Model'), el('p', {}, `Predicts the work of a call; ${use}; ${count(model.learned)} outcomes learned; ${errors}.`));
    parts.push(el('pre', { tabindex: '0', 'aria-label': 'The model' }, modelText(model.model ?? model)));
  }
  const members = Object.entries(speeds ?? {}).filter(([, speed]) => typeof speed === 'number').sort(([, a], [, b]) => a - b);
  if (members.length > 0) {
    const rest = members.length > ROWS_MAX ? `, the slowest ${ROWS_MAX} of ${count(members.length)}` : '';
    parts.push(el('h3', {}, `Speeds of members${rest}`), list(members.slice(0, ROWS_MAX).map(([key, speed]) => [key, `×${speed.toFixed(2)}`])));
  }
  return parts;
}

function modelText(model) {
  if (typeof model?.text === 'string') return model.text;
  // Of a line and a tree the one that is used.
  if (model?.kind === 'pair') return modelText(model[model.used]);
  return JSON.stringify(model ?? null, null, 2);
}

/** The adaptations in force, and where the knobs stand. */
function adapted({ adaptations, knobs }) {
  if (!Array.isArray(adaptations)) return [];
  const parts = [el('h3', {}, 'Adaptations in force')];
  if (adaptations.length === 0) {
    parts.push(el('p', { class: 'soft' }, 'None.'));
  } else {
    const said = (one) => [String(one.id), String(one.kind).replaceAll('_', ' '), `by the rule ${one.rule} on ${one.sensor}`, gain(one.gain)];
    parts.push(list(adaptations.slice(0, ROWS_MAX).map(said)));
  }
  if (knobs) parts.push(el('h3', {}, 'Knobs'), el('pre', { tabindex: '0', 'aria-label': 'Knobs' }, JSON.stringify(knobs, null, 2)));
  return parts;
}
