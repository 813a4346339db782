// SPDX-License-Identifier: MIT
// --workers: several processes on one port, each a node of its own, and a parent that looks after them.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { http, Socket } from './lib/clients.js';
import { until } from './lib/process.js';
import { Raw } from './lib/raw.js';
import { startCluster } from './lib/signalbox.js';

const WORKERS = 3;
const SOCKETS = 60;

/** The workers' process ids, as the parent has started them. */
const startedPids = (node) => [...node.child.output.matchAll(/worker\.start pid=(\d+)/g)].map(([, pid]) => Number(pid));
const isAlive = (pid) => existsSync(`/proc/${pid}`);

/** The metrics of one worker, whichever takes the connection: [node id, text]. */
async function anyMetrics(node) {
  const raw = await Raw.connect(node.port);
  raw.write('GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const { body } = await raw.answer();
  raw.close();
  return [/signalbox_build_info\{.*node="(\w+)"/.exec(body)[1], body];
}

/** The metrics of all workers by node id: asks until it has met them all. */
async function allMetrics(node) {
  const met = new Map();
  await until(`${WORKERS} workers answer`, async () => {
    const [id, text] = await anyMetrics(node).catch(() => []);
    if (id !== undefined) met.set(id, text);
    return met.size === WORKERS;
  });
  return met;
}

const valueOf = (text, name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)[1]);

test('workers', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, {
    args: ['--workers', String(WORKERS), '--rate-limit', '0', '--max-conns', String(SOCKETS)] });
  const [node] = cluster.replicas;
  const server = await cluster.token('server', 's');
  const token = await cluster.token('player', 'p');
  const publish = (payload) => http('POST', `${node.url}/publish`, {
    headers: { authorization: `Bearer ${server}`, connection: 'close' }, body: { player_id: 'p', event: 'e', payload } });
  const connect = () => Socket.open(`${node.wsUrl}/ws?token=${token}`);
  const expect = async (sockets, payload) => {
    for (const socket of sockets) assert.equal(await socket.next(), `{"event":"e","payload":${payload}}`);
  };
  let sockets = [];
  let pids = [];
  t.after(() => sockets.forEach((socket) => socket.ws.terminate()));

  await t.test('share the connections', async () => {
    await until('all are ready', async () => [...(await allMetrics(node)).values()]
      .every((text) => valueOf(text, 'signalbox_inbox_healthy') === 1));
    pids = startedPids(node);
    assert.equal(pids.length, WORKERS);
    sockets = await Promise.all(Array.from({ length: SOCKETS }, connect));
    const shares = [...(await allMetrics(node)).values()].map((text) => valueOf(text, 'ws_active_connections'));
    t.diagnostic(`${SOCKETS} sockets: ${shares}`);
    assert.equal(shares.reduce((a, b) => a + b), SOCKETS);
    for (const share of shares) assert.ok(share > 0, `${shares}`);
  });

  await t.test('pass messages on to each other', async () => {
    for (let i = 0; i < 10; i++) assert.equal((await publish(i)).headers.get('x-delivery'), 'live');
    for (let i = 0; i < 10; i++) await expect(sockets, i);
  });

  await t.test('one that is killed is replaced; the others go on', async () => {
    process.kill(pids[0], 'SIGKILL');
    await until('its sockets are gone', () => sockets.some((socket) => socket.closed));
    await until('another is started', () => startedPids(node).length === WORKERS + 1);
    await until('the log says so', () => /error worker\.died signal=9/.test(node.child.output));
    await until('it is ready', async () => [...(await allMetrics(node)).values()]
      .every((text) => valueOf(text, 'signalbox_inbox_healthy') === 1));
    sockets = sockets.filter((socket) => !socket.closed);
    assert.ok(sockets.length > 0 && sockets.length < SOCKETS);
    // the places of the killed worker's connections are free again before long
    const back = await Promise.all(Array.from({ length: SOCKETS - sockets.length }, () =>
      until('a place is free', () => connect().catch(() => undefined), 16000)));
    sockets.push(...back);
    await publish(100);
    await expect(sockets, 100);
  });

  await t.test('all reload', async () => {
    node.child.signal('SIGHUP');
    await until('each has', async () => [...(await allMetrics(node)).values()]
      .every((text) => valueOf(text, 'signalbox_config_reloads_total\\{result="good"\\}') === 1));
  });

  await t.test('SIGTERM ends them all, with 0, and leaves no orphan', async () => {
    pids = startedPids(node).slice(1);
    assert.ok(pids.every(isAlive));
    await node.stop();
    for (const socket of sockets) assert.equal((await socket.ended()).code, 1001);
    assert.deepEqual(pids.filter(isAlive), []);
  });
});

test('workers end when their parent is killed', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, { args: ['--workers', '2'] });
  const [node] = cluster.replicas;
  const pids = startedPids(node);
  assert.equal(pids.length, 2);
  await node.kill();
  await until('they are gone', () => !pids.some(isAlive));
});

test('a second SIGTERM ends all workers at once, with 1', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, { args: ['--workers', '2'] });
  const [node] = cluster.replicas;
  const pids = startedPids(node);
  const raw = await Raw.connect(node.port);
  raw.write('POST /publish HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n');
  await raw.has('100 Continue'); // the request has begun, and holds the drain up
  const before = performance.now();
  node.child.signal('SIGTERM');
  await until('it hears the second', () => {
    if (performance.now() - before > 1000) node.child.signal('SIGTERM');
    return node.child.end;
  });
  assert.deepEqual(node.child.end, { code: 1, signal: null });
  assert.deepEqual(pids.filter(isAlive), []);
  cluster.replicas.length = 0; // it has ended, and not with 0
  raw.close();
});
