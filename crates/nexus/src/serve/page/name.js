// An agent's name, KIND/KEY, in fields and in the page's address. Keys may hold slashes, kinds may not.

import { el } from './dom.js';

/** Kind and key of `cart/42`, or null. */
export function parse(text) {
  const name = text.trim();
  const slash = name.indexOf('/');
  if (slash <= 0 || slash === name.length - 1) return null;
  return { kind: name.slice(0, slash), key: name.slice(slash + 1) };
}

export const hash = (kind, key) => `#${encodeURIComponent(kind)}/${encodeURIComponent(key)}`;

/** Which agent the page's address names, or null. */
export function fromHash(text) {
  const slash = text.indexOf('/');
  if (!text.startsWith('#') || slash < 0) return null;
  try {
    return parse(`${decodeURIComponent(text.slice(1, slash))}/${decodeURIComponent(text.slice(slash + 1))}`);
  } catch {
    // A broken percent sign: the address names nobody.
    return null;
  }
}

/** A link that opens the agent; plain text if `name` is not the name of one. */
export function link(name) {
  const agent = parse(String(name));
  if (!agent) return document.createTextNode(String(name));
  return el('a', { href: hash(agent.kind, agent.key), title: name }, String(name));
}
