// The live page of a node: asks it how it is, and shows the answer.

import { fromAddress, rereadAgent, setNodeStart } from './agent.js';
import { offerKinds, readAgents } from './agents.js';
import { hasToken, setToken } from './api.js';
import { byId, say } from './dom.js';
import { followEvents, forgetEvents, reconnectEvents } from './events.js';
import { History } from './history.js';
import { showKinds } from './kinds.js';
import { showLatency } from './latency.js';
import { hash, parse } from './name.js';
import { showGone, showLocked, showNode, showRestarted } from './node.js';
import { poll } from './poll.js';
import { showRates } from './rates.js';
import { showSlowest } from './slowest.js';

const main = byId('main');
const tokenForm = byId('token');
const tokenText = byId('token-text');
const tokenField = byId('token-value');
const find = byId('find');
const findField = byId('find-name');

const past = new History();
// Nothing was answered yet, or not since the node was gone.
let away = true;

const askNow = poll({
  status(status, restarted) {
    if (restarted) {
      past.clear();
      forgetEvents();
    }
    past.add(status);
    setNodeStart(Date.now() - 1000 * status.uptime_s);
    unlock();
    showNode(status, showRates(status, past));
    if (restarted) showRestarted();
    showLatency(status, past);
    showKinds(status, past);
    showSlowest(status);
    offerKinds(Object.keys(status.kinds));
    followEvents(status);
    if (away || restarted) {
      readAgents();
      rereadAgent();
    }
    away = false;
  },
  gone(error) {
    away = true;
    showGone(error);
  },
  unauthorized() {
    away = true;
    showLocked();
    lock();
  },
});

fromAddress(false);

tokenForm.addEventListener('submit', (event) => {
  event.preventDefault();
  setToken(tokenField.value.trim());
  tokenField.value = '';
  askNow();
  reconnectEvents();
});

find.addEventListener('submit', (event) => {
  event.preventDefault();
  const agent = parse(findField.value);
  findField.setCustomValidity(agent ? '' : 'Write kind and key with a slash between, as in kv/42');
  if (!find.reportValidity() || !agent) return;
  const there = hash(agent.kind, agent.key);
  if (location.hash === there) fromAddress(true);
  else location.hash = there;
});
findField.addEventListener('input', () => findField.setCustomValidity(''));

function lock() {
  if (hasToken()) say(tokenText, 'The node does not know this token. Try another.');
  // It would be sent again with every question.
  setToken('');
  main.hidden = true;
  find.hidden = true;
  if (!tokenForm.hidden) return;
  tokenForm.hidden = false;
  tokenField.focus();
}

function unlock() {
  if (tokenForm.hidden) return;
  tokenForm.hidden = true;
  main.hidden = false;
  find.hidden = false;
}
