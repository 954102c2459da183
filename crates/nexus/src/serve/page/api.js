// Asking the node. One token for all questions, kept in this tab alone.

const TOKEN = 'nexus.token';

/** How long an answer may take before the node counts as gone, in milliseconds. A guess. */
const ANSWER_MS = 5000;

/** The node answered, and the answer is an error. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The token was missing or is not known. */
export const isUnauthorized = (error) => error instanceof ApiError && error.status === 401;

export function setToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

/** The answer's JSON. Rejects with an `ApiError`, or otherwise if no answer came. */
export async function get(path, signal) {
  const limit = AbortSignal.timeout(ANSWER_MS);
  const response = await open(path, {}, signal ? AbortSignal.any([signal, limit]) : limit);
  return response.json();
}

/** The answer itself, to be read by and by; takes as long as it takes. */
export async function open(path, headers, signal) {
  const token = sessionStorage.getItem(TOKEN);
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { headers: { ...headers, ...authorization }, signal, cache: 'no-store' });
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // Not ours: something between here and the node answered. Its status has to do.
  }
  const message = typeof error.message === 'string' ? error.message : `the answer was HTTP ${response.status}`;
  return new ApiError(response.status, String(error.code ?? ''), message);
}

/** The path of an agent, or null if no browser can ask for it: dots are resolved on the way. */
export function agentPath(kind, key) {
  const unreachable = (part) => part === '' || part === '.' || part === '..';
  if (unreachable(kind) || unreachable(key)) return null;
  return `/v1/agents/${encodeURIComponent(kind)}/${encodeURIComponent(key)}`;
}
