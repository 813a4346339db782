// SPDX-License-Identifier: MIT
// A planned stop under Socket.IO's clients: those of the node go to others at once, those of other nodes go on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient, startBackEnd } from './lib/socketio.js';

const CLIENTS = 12;

/** The node that opened a client's connection: its id stands in the sid. */
const ownerOf = (client) => Buffer.from(client.socket.io.engine.id, 'base64url').subarray(0, 5).toString('hex');

test('Socket.IO on a node that drains', { timeout: 120000 }, async (t) => {
  const backEnd = await startBackEnd(t, (body) => (body.type === 'event' ? { ack: body.args } : undefined));
  const cluster = await startCluster(t, { count: 3, balancer: 'random(1)', args: ['--hook', `*=${backEnd.url}`] });
  const { url } = cluster.balancer;

  await t.test('protocol 3: the first namespace comes with the handshake', async () => {
    const answer = await (await fetch(`${url}/socket.io/?EIO=3&transport=polling`)).text();
    assert.match(answer, /^\d+:0\{"sid":"[\w-]{20}","upgrades":\["websocket"\],[^{}]*\}2:40$/);
  });

  await t.test('everybody goes on', async (inner) => {
    const open = (version, transports) => JsClient.open(inner, version, url, { transports });
    const polling = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => open(i % 2 ? 2 : 4, ['polling'])));
    const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => open(4, ['websocket'])));
    const leaving = cluster.replicas[0];
    const id = leaving.child.output.match(/inbox\.healthy node=(\w+)/)[1];
    const staying = polling.filter((client) => ownerOf(client) !== id);
    const before = staying.map((client) => client.connects);

    const began = performance.now();
    leaving.child.signal('SIGTERM');
    await until('it exits', () => leaving.child.end, 20000);
    const took = performance.now() - began;
    assert.deepEqual(leaving.child.end, { code: 0, signal: null }, leaving.child.output.slice(-4000));
    assert.ok(took < 6000, `it took ${took} ms`);
    for (const client of [...polling, ...sockets]) {
      await until('it is connected', () => client.socket.connected, 5000);
      assert.deepEqual(await client.ask('echo', 1), [1]);
    }
    const came = staying.map((client) => client.connects);
    const kept = came.filter((count, i) => count === before[i]).length;
    assert.equal(kept, staying.length, `of ${staying.length} clients of other nodes ${kept} kept their connection`);
  });
});
