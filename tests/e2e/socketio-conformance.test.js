// SPDX-License-Identifier: MIT
// The behaviours of the official test suites, on one node and through a balancer that deals every request anew.
import { test } from 'node:test';
import { engine3, engine4, socketio5 } from './lib/conformance.js';
import { startCluster } from './lib/signalbox.js';

const suites = { 'Engine.IO 4': engine4, 'Engine.IO 3': engine3, 'Socket.IO 5': socketio5 };

for (const [name, options] of [['one node', { count: 1 }], ['three nodes, every request to any', { count: 3, balancer: 'random(1)' }]]) {
  test(name, async (t) => {
    const cluster = await startCluster(t, { ...options, args: ['--conformance'] });
    const url = cluster.balancer?.url ?? cluster.replicas[0].url;
    for (const [suite, run] of Object.entries(suites)) await t.test(suite, (inner) => run(inner, url));
  });
}
