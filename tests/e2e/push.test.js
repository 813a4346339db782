// SPDX-License-Identifier: MIT
// Push over three replicas: players with npm ws, back ends with fetch.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { http, Socket } from './lib/clients.js';
import { startCluster } from './lib/signalbox.js';
import { until } from './lib/process.js';

test('push', async (t) => {
  const cluster = await startCluster(t, {
    count: 3, balancer: true,
    args: ['--auth-failures', '0', '--rate-limit', '0', '--offline-ttl', '3s', '--reconnect-grace', '500ms', '--origins', ''],
  });
  const { replicas } = cluster;
  const [a, b, c] = replicas.map((replica) => replica.wsUrl);
  const url = cluster.balancer.url;
  const server = await cluster.token('server', 'game');
  const players = {};
  const player = async (id) => (players[id] ??= await cluster.token('player', id));
  const connect = async (at, id) => Socket.open(`${at}/ws?token=${await player(id)}`);
  const post = (path, body, token = server, at = url) =>
    http('POST', at + path, { headers: token ? { authorization: `Bearer ${token}` } : {}, body });
  const publish = (id, event, payload, more = {}) => post('/publish', { player_id: id, event, payload, ...more });

  await t.test('who may connect', async () => {
    const rows = [
      ['no token', '/ws', 401, 'missing token\n'],
      ['an empty token', '/ws?token=', 401, 'missing token\n'],
      ['an unknown token', '/ws?token=nope', 401, 'invalid token\n'],
      ['a server token', `/ws?token=${server}`, 401, 'invalid token\n'],
    ];
    for (const [name, path, status, body] of rows) {
      const refused = await Socket.refused(a + path);
      assert.deepEqual([refused.status, refused.body], [status, body], name);
      assert.equal(refused.headers['content-type'], 'text/plain; charset=utf-8', name);
    }
  });

  await t.test('every connection of a player gets every message, on whatever replica', async () => {
    const sockets = await Promise.all([a, b, c].map((at) => connect(at, 'p1')));
    const other = await connect(a, 'p2');
    const answer = await publish('p1', 'hello', { n: 1 });
    assert.deepEqual([answer.status, answer.text, answer.headers.get('x-delivery')], [200, '', 'live']);
    for (const socket of sockets) assert.equal(await socket.next(), '{"event":"hello","payload":{"n":1}}');
    await publish('p2', 'yours', null);
    assert.equal(await other.next(), '{"event":"yours","payload":null}');
    await Promise.all([...sockets, other].map((socket) => socket.close()));
  });

  await t.test('payloads are passed byte for byte', async () => {
    const socket = await connect(b, 'p1');
    const payload = '{"z":1e400, "a":-0,"a":"\\u0000<&>","n":123456789012345678901234567890}';
    const answer = await post('/publish', `{"player_id":"p1","payload":${payload},"event":"<é>"}`);
    assert.equal(answer.status, 200);
    assert.equal(await socket.next(), `{"event":"<é>","payload":${payload}}`);
    await socket.close();
  });

  await t.test('a numeric player id is the same player', async () => {
    const socket = await connect(b, '42');
    assert.equal((await publish(42, 'n', 1)).headers.get('x-delivery'), 'live');
    assert.equal(await socket.next(), '{"event":"n","payload":1}');
    assert.equal((await post('/publish', '{"player_id":4.5,"event":"n"}')).status, 400);
    await socket.close();
  });

  await t.test('messages wait for a player, oldest first, and expire', async () => {
    for (let i = 0; i < 105; i++) assert.equal((await publish('late', 'e', i)).headers.get('x-delivery'), 'queued');
    const socket = await connect(c, 'late');
    for (let i = 5; i < 105; i++) assert.equal(await socket.next(), `{"event":"e","payload":${i}}`);
    await socket.close();
    await publish('later', 'short', 1, { ttl: 1 });
    await publish('later', 'long', 2, { ttl: 60 });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const later = await connect(a, 'later');
    assert.equal(await later.next(), '{"event":"long","payload":2}');
    await later.close();
  });

  await t.test('broadcast reaches the connected, and nobody later', async () => {
    const sockets = await Promise.all([connect(a, 'p1'), connect(b, 'p2'), connect(c, 'p3')]);
    assert.equal((await post('/broadcast', { event: 'all', payload: 1 })).status, 200);
    for (const socket of sockets) assert.equal(await socket.next(), '{"event":"all","payload":1}');
    assert.equal((await post('/broadcast', { event: 'one', payload: 2, player_id: 'p2' })).status, 200);
    assert.equal(await sockets[1].next(), '{"event":"one","payload":2}');
    await post('/broadcast', { event: 'none', payload: 3, player_id: 'p4' });
    const late = await connect(a, 'p4');
    await publish('p4', 'fence', 0);
    assert.equal(await late.next(), '{"event":"fence","payload":0}');
    assert.equal(sockets[0].received.length, 1);
    await Promise.all([...sockets, late].map((socket) => socket.close()));
  });

  await t.test('servers are checked', async () => {
    const playerToken = await player('p1');
    const rows = [
      ['no bearer', null, { player_id: 'p', event: 'e' }, 401, 'missing token\n'],
      ['a wrong one', 'nope', { player_id: 'p', event: 'e' }, 403, 'invalid server token\n'],
      ["a player's", playerToken, { player_id: 'p', event: 'e' }, 403, 'invalid server token\n'],
      ['not JSON', server, 'x', 400, 'bad request\n'],
      ['an empty event', server, { player_id: 'p', event: '' }, 400, 'bad request\n'],
      ['no event', server, { player_id: 'p' }, 400, 'bad request\n'],
      ['no player', server, { event: 'e' }, 400, 'bad request\n'],
      ['a ttl beyond the bound', server, { player_id: 'p', event: 'e', ttl: 86401 }, 400, 'bad request\n'],
    ];
    for (const [name, token, body, status, text] of rows) {
      const answer = await post('/publish', body, token);
      assert.deepEqual([answer.status, answer.text], [status, text], name);
    }
    assert.equal((await post('/publish', { player_id: 'p', event: 'e', payload: 'x'.repeat(1 << 20) })).status, 413);
  });

  await t.test('ids make retries harmless; arrays are all or nothing', async () => {
    const socket = await connect(a, 'p5');
    const send = (at) => post('/publish', { player_id: 'p5', event: 'e', payload: 1, id: 'm-1' }, server, at);
    assert.equal((await send(replicas[0].url)).headers.get('x-delivery'), 'live');
    assert.equal((await send(replicas[1].url)).headers.get('x-delivery'), 'duplicate');
    assert.equal(await socket.next(), '{"event":"e","payload":1}');
    const batch = await post('/publish', [
      { player_id: 'p5', event: 'x', payload: 1 }, { player_id: 'p6', event: 'y' }, { player_id: 'p5', event: 'e', id: 'm-1' }]);
    assert.deepEqual(batch.json.map((row) => row.status), ['live', 'queued', 'duplicate']);
    assert.equal(await socket.next(), '{"event":"x","payload":1}');
    assert.equal((await post('/publish', Array(1001).fill({ player_id: 'p', event: 'e' }))).status, 400);
    await socket.close();
  });

  await t.test('at most five connections of a player, counted over all replicas', async () => {
    const sockets = [];
    for (const at of [a, b, c, a, b]) sockets.push(await connect(at, 'many'));
    for (const at of [a, b, c]) {
      const refused = await Socket.refused(`${at}/ws?token=${await player('many')}`);
      assert.deepEqual([refused.status, refused.body], [429, 'too many connections\n']);
    }
    await sockets[0].close();
    sockets[0] = await until('a place is free', () => connect(c, 'many').catch(() => null));
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  await t.test('the connections of a killed node stop counting', async () => {
    for (let i = 0; i < 5; i++) await connect(c, 'crowd');
    await replicas[2].kill();
    const before = Date.now();
    const socket = await until('a place is free', () => connect(a, 'crowd').catch(() => null), 20000);
    assert.ok(Date.now() - before < 15500);
    await socket.close();
    await replicas[2].launch();
  });

  await t.test('a token that ends closes its connections', async () => {
    const socket = await connect(b, 'mortal');
    await cluster.revoke('player', 'mortal');
    assert.deepEqual(await socket.ended(3000), { code: 1008, reason: 'token expired' });
    const brief = await cluster.token('player', 'brief', '--ttl', '2s');
    const other = await Socket.open(`${a}/ws?token=${brief}`);
    assert.deepEqual(await other.ended(6000), { code: 1008, reason: 'token expired' });
  });

  await t.test('what the player sends is ignored', async () => {
    const socket = await connect(a, 'p1');
    socket.send('hello');
    socket.send(Buffer.from([1, 2, 3]));
    await publish('p1', 'still', 1);
    assert.equal(await socket.next(), '{"event":"still","payload":1}');
    await socket.close();
  });

  await t.test('the original metrics', async () => {
    const socket = await connect(a, 'p1');
    const before = await replicas[0].metrics();
    assert.equal(before.ws_active_connections, 1);
    await post('/publish', { player_id: 'p1', event: 'e' }, server, replicas[0].url);
    await socket.next();
    const after = await replicas[0].metrics();
    assert.equal(after.ws_messages_published_total - before.ws_messages_published_total, 1);
    assert.equal(after.ws_messages_delivered_total - before.ws_messages_delivered_total, 1);
    await socket.close();
  });
});

test('push limits', async (t) => {
  const cluster = await startCluster(t, {
    count: 2, args: ['--rate-limit', '10', '--rate-period', '20s', '--origins', 'https://game.example', '--auth-failures', '5/1m'],
  });
  const [one, two] = cluster.replicas;
  const server = await cluster.token('server', 'game');
  const token = await cluster.token('player', 'p');
  const publish = (at, body) => http('POST', `${at.url}/publish`, { headers: { authorization: `Bearer ${server}` }, body });

  await t.test('the rate is counted over all replicas', async () => {
    const message = { player_id: 'p', event: 'e' };
    for (let i = 0; i < 5; i++) assert.equal((await publish([one, two][i % 2], message)).status, 200);
    assert.equal((await publish(one, Array(6).fill(message))).status, 429, 'all or nothing');
    assert.equal((await publish(two, Array(5).fill(message))).status, 200);
    const over = await publish(one, message);
    assert.deepEqual([over.status, over.text], [429, 'rate limit\n']);
    assert.match(over.headers.get('retry-after'), /^[1-9]\d*$/);
    await until('it refills', async () => (await publish(two, message)).status === 200);
  });

  await t.test('origins', async () => {
    const open = await Socket.open(`${one.wsUrl}/ws?token=${token}`, { origin: 'https://game.example' });
    await open.close();
    for (const origin of ['https://evil.example', undefined]) {
      assert.equal((await Socket.refused(`${one.wsUrl}/ws?token=${token}`, { origin })).status, 403);
    }
  });

  await t.test('failed authentications are throttled by address', async () => {
    let answer;
    for (let i = 0; i < 6; i++) answer = await Socket.refused(`${two.wsUrl}/ws?token=wrong-${i}`);
    assert.equal(answer.status, 429);
    assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
  });
});
