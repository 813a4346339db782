// SPDX-License-Identifier: MIT
// Agents of a fleet, many in one process, which behave as simulated ones do and acknowledge at once.
//   fleet-agents.js COUNT ROOMS KEY URL…     each agent connects to the next URL
// Says {"open":N} when all have answered their first poll, then after each line of input {"polls":N,"cmds":N,"closes":N,
// "cpu":seconds}, and ends with its input.
import { createInterface } from 'node:readline';
import { Agent } from '../e2e/lib/fleet-agent.js';
import { until } from '../e2e/lib/process.js';

const [count, rooms, key, ...urls] = process.argv.slice(2);
const TYPES = ['arena', 'duel', 'lobby', 'match', 'race'];
const counts = { polls: 0, cmds: 0, closes: 0 };

/** Counts instead of keeping, and hashes only what has changed. */
class CountingAgent extends Agent {
  polled(poll) {
    counts.polls++;
    this.answer(poll);
  }

  told(cmd) {
    counts.cmds++;
    this.known = undefined;
    super.told(cmd);
    this.cmds.length = 0;
  }

  closed(code, reason) {
    counts.closes++;
    super.closed(code, reason);
  }

  snapshot() {
    this.known ??= super.snapshot();
    return this.known;
  }
}

function agentOf(i) {
  return new CountingAgent(`${urls[i % urls.length]}/`, key, {
    name: `agent-${i}`, roomTypes: TYPES, labels: { region: ['eu', 'us'][i % 2] },
    rooms: Array.from({ length: Number(rooms) }, (_, n) => ({
      id: `room-${String(i).padStart(5, '0')}-${String(n).padStart(5, '0')}-abcdef`, type: TYPES[n % TYPES.length],
      connections: n % 10, origin: 'local',
    })),
  });
}

const AT_ONCE = 50;
const agents = [];
for (let i = 0; i < Number(count); i++) {
  agents.push(agentOf(i));
  if (agents.length % AT_ONCE === 0) await until('they are asked', () => counts.polls >= agents.length, 60000);
}
await until('all are asked', () => counts.polls >= agents.length, 60000);
console.log(JSON.stringify({ open: agents.length }));
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ ...counts, cpu: (user + system) / 1e6 }));
}
process.exit(0);
