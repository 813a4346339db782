// SPDX-License-Identifier: MIT
// Without --redis: a private redis-server that comes and goes with the node.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { http, Socket } from './lib/clients.js';
import { freePort, run, tempFolder, until } from './lib/process.js';
import { BINARY, Replica } from './lib/signalbox.js';

/** Is it there, and not only waiting to be reaped by somebody else? */
const isAlive = (pid) => existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

/** The pids of the redis-servers that a node has started, in order. */
const redisPids = (node) => [...node.child.output.matchAll(/redis\.start pid=(\d+)/g)].map(([, pid]) => Number(pid));

/** A node that keeps its Redis in `data`. */
async function startNode(t, data, { env } = {}) {
  const node = new Replica(await freePort(), ['--data', data, '--rate-limit', '0'], { env });
  t.after(() => node.child?.kill());
  await node.launch();
  return node;
}

async function token(data, kind, subject) {
  const done = await run(BINARY, ['token', 'add', '--data', data, '--kind', kind, '--subject', subject]);
  assert.equal(done.code, 0, done.stderr);
  return done.stdout.trim();
}

const publish = (node, server, payload, more = {}) => http('POST', `${node.url}/publish`, {
  headers: { authorization: `Bearer ${server}` }, body: { player_id: 'p', event: 'e', payload, ttl: 600, ...more } });

test('the private Redis', { timeout: 90000 }, async (t) => {
  const data = join(tempFolder(), 'deep', 'data');
  let node = await startNode(t, data);
  const server = await token(data, 'server', 's');
  const player = await token(data, 'player', 'p');

  await t.test('is said in the log, and stands in --data for our eyes only', async () => {
    await until('the log says so', () => new RegExp(`info redis\\.start pid=\\d+ socket=${data}/redis\\.sock`).test(node.child.output));
    assert.equal(redisPids(node).length, 1);
    const { stdout } = await run('stat', ['-c', '%a %F', data, join(data, 'redis.sock')]);
    assert.equal(stdout, '700 directory\n700 socket\n');
  });

  await t.test('is killed: what was acknowledged stays, and the node recovers by itself', async () => {
    const open = await Socket.open(`${node.wsUrl}/ws?token=${player}`);
    const accepted = [];
    let next = 0;
    for (; next < 50; next++) {
      if ((await publish(node, server, next, { player_id: 'away' })).status === 200) accepted.push(next);
    }
    process.kill(redisPids(node)[0], 'SIGKILL');
    // whether a publish fails meanwhile is a matter of milliseconds: it waits a second for Redis to be back
    await until('its death is noticed', () => /error redis\.died pid=\d+ signal=9/.test(node.child.output));
    await until('publishing works again', async () => {
      const answer = await publish(node, server, next, { player_id: 'away' });
      if (answer.status === 200) accepted.push(next);
      next++;
      return answer.status === 200;
    });
    await node.untilReady(10000);
    assert.equal((await node.metrics()).signalbox_redis_restarts_total, 1);
    await publish(node, server, 'after');
    assert.equal(await open.next(), '{"event":"e","payload":"after"}', 'who was connected goes on');
    const away = await Socket.open(`${node.wsUrl}/ws?token=${await token(data, 'player', 'away')}`);
    const got = [];
    while (got.at(-1) !== accepted.at(-1)) got.push((await away.nextJson()).payload);
    assert.deepEqual(accepted.filter((n) => !got.includes(n)), []);
    await Promise.all([open.close(), away.close()]);
  });

  await t.test('serves a second node of the same machine', async () => {
    const second = await startNode(t, data);
    assert.match(second.child.output, /info redis\.attach/);
    assert.deepEqual(redisPids(second), []);
    const socket = await Socket.open(`${second.wsUrl}/ws?token=${player}`);
    assert.equal((await publish(node, server, 'across')).headers.get('x-delivery'), 'live');
    assert.equal(await socket.next(), '{"event":"e","payload":"across"}');

    const [pid] = redisPids(node).slice(-1);
    await node.stop();
    assert.ok(!isAlive(pid), 'it ends with the node that started it');
    await second.untilReady(20000);
    assert.equal(redisPids(second).length, 1, 'the other one starts it again');
    assert.equal((await publish(second, server, 'again')).status, 200);
    assert.equal(await socket.next(), '{"event":"e","payload":"again"}');
    await socket.close();
    node = second;
  });

  await t.test('goes when the node is killed', async () => {
    const [pid] = redisPids(node).slice(-1);
    assert.ok(isAlive(pid));
    await node.kill();
    await until('it is gone', () => !isAlive(pid));
  });

  await t.test('is started for a command when no node runs, and ends with it', async () => {
    const late = await token(data, 'player', 'late');
    const list = await run(BINARY, ['token', 'list', '--data', data, '--json']);
    assert.equal(list.code, 0, list.stderr);
    assert.match(list.stdout, /"subject": ?"late"/);
    node = await startNode(t, data);
    await (await Socket.open(`${node.wsUrl}/ws?token=${late}`)).close();
    await (await Socket.open(`${node.wsUrl}/ws?token=${player}`)).close();
    const revoked = await run(BINARY, ['token', 'revoke', '--data', data, '--kind', 'player', '--subject', 'late']);
    assert.equal(revoked.code, 0, revoked.stderr);
    await until('it is refused', async () => {
      const socket = new Socket(`${node.wsUrl}/ws?token=${late}`);
      await until('an answer', () => socket.refused ?? socket.ws.readyState === 1);
      await (socket.refused ? undefined : socket.close());
      return socket.refused?.status === 401;
    });
    const [pid] = redisPids(node).slice(-1);
    await node.stop();
    assert.ok(!isAlive(pid));
    assert.ok(!existsSync(join(data, 'redis.sock')));
  });
});

test('without redis-server the node says what to do', { timeout: 60000 }, async (t) => {
  const folder = tempFolder();
  const node = new Replica(await freePort(), ['--data', join(folder, 'data')], { env: { PATH: folder } });
  await node.launch({ waitReady: false });
  t.after(() => node.child.kill());
  await until('it ends', () => node.child.end);
  assert.deepEqual(node.child.end, { code: 1, signal: null });
  const text = 'there is no redis-server: install it (Debian and Ubuntu: apt-get install redis-server), or name a Redis with --redis';
  assert.match(node.child.output, new RegExp(`error start\\.failed ${text.replace(/[()]/g, '\\$&')}\n`));
  const command = await run(BINARY, ['token', 'list', '--data', join(folder, 'data')], { env: { PATH: folder } });
  assert.equal(command.code, 1);
  assert.ok(command.stderr.includes(text), command.stderr);
});

test('a folder that cannot be made is named', { timeout: 60000 }, async (t) => {
  const node = new Replica(await freePort(), ['--data', '/dev/null/data'], {});
  await node.launch({ waitReady: false });
  t.after(() => node.child.kill());
  await until('it ends', () => node.child.end);
  assert.deepEqual(node.child.end, { code: 1, signal: null });
  assert.match(node.child.output, /error start\.failed --data: cannot make the folder \/dev\/null\/data: Not a directory\n/);
});
