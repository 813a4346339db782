// SPDX-License-Identifier: MIT
// Where options come from, what is said about wrong ones, and what SIGHUP does with new ones.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { http, modMessage, relayBot, relayMod, Socket } from './lib/clients.js';
import { freePort, run, tempFolder, until } from './lib/process.js';
import { Raw } from './lib/raw.js';
import { Redis } from './lib/redis.js';
import { BINARY, Replica, startCluster } from './lib/signalbox.js';

const ORIGIN = 'https://game.example';
const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** A node whose options stand in a file: { node, file, write(options), token(…), hook }. */
async function nodeWithFile(t, options, { args = [] } = {}) {
  const folder = tempFolder();
  const file = join(folder, 'signalbox.json');
  const write = (content) =>
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  write(options);
  const cluster = await startCluster(t, { args: ['--config', file, ...args] });
  return { cluster, node: cluster.replicas[0], folder, file, write };
}

const reloads = async (node, result) =>
  (await node.metrics())[`signalbox_config_reloads_total{result="${result}"}`];

async function reload(node, result = 'good') {
  const before = await reloads(node, result);
  node.child.signal('SIGHUP');
  await until(`a ${result} reload`, async () => (await reloads(node, result)) > before);
}

/** A hook that lets everybody in. */
async function openHook(t) {
  const server = createServer((request, response) => response.end('{"subject":"from the hook"}'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  return `http://127.0.0.1:${server.address().port}/`;
}

/** How a WebSocket is received: "open", or the status. */
async function knock(url, options) {
  const socket = await Socket.open(url, { origin: ORIGIN, ...options }).catch((error) => error);
  if (socket instanceof Error) return [/"status":(\d+)/.exec(socket.message)[1], undefined];
  return ['open', socket];
}

// option, before, after, what a client sees before and after: tried(world) → text
const RELOADABLE = [
  ['max-body', '1KiB', '4KiB', '413', '401', async ({ node }) =>
    (await http('POST', `${node.url}/publish`, { body: 'x'.repeat(2048) })).status],
  ['max-header', '1KiB', '4KiB', '431', '200', async ({ node }) =>
    (await http('GET', `${node.url}/healthz`, { headers: { 'x-long': 'x'.repeat(2048) } })).status],
  ['rate-limit', 1, 2, '200 429 429', '200 200 429', async ({ publish, token }) => {
    const server = await token('server');
    return [await publish(server), await publish(server), await publish(server)].join(' ');
  }],
  ['max-ttl', '20s', '40s', '400', '200', async ({ publish, token }) =>
    publish(await token('server'), { ttl: 30 })],
  ['max-conns', 1, 2, 'open 429 429', 'open open 429', async ({ node, token }) => {
    const url = `${node.wsUrl}/ws?token=${await token('player')}`;
    const got = [await knock(url), await knock(url), await knock(url)];
    await Promise.all(got.map(([, socket]) => socket?.close()));
    return got.map(([how]) => how).join(' ');
  }],
  ['origins', [], [ORIGIN], 'open', '403', async ({ node, token }) => {
    const [how, socket] = await knock(`${node.wsUrl}/ws?token=${await token('player')}`, { origin: 'https://evil.example' });
    await socket?.close();
    return how;
  }],
  ['max-queued', 1, 2, '2', '1 2', async ({ node, publish, token }) => {
    const id = `late-${Math.random()}`;
    for (const payload of [1, 2]) await publish(await token('server'), { player_id: id, payload });
    const [, socket] = await knock(`${node.wsUrl}/ws?token=${await token('player', id)}`);
    const got = [(await socket.nextJson()).payload];
    if (got[0] === 1) got.push((await socket.nextJson()).payload);
    await socket.close();
    return got.join(' ');
  }],
  ['mailbox-cap', 1, 2, '[3]', '[2,3]', async ({ node, token }) => {
    const headers = { 'x-universe-id': 'u', 'x-api-key': await token('universe', 'u'), 'x-job-id': `j-${Math.random()}` };
    for (const payload of [1, 2, 3]) {
      await http('POST', `${node.url}/api/v1/commands`, { headers, body: { jobId: headers['x-job-id'], payload } });
    }
    return (await http('GET', `${node.url}/api/v1/commands`, { headers })).text;
  }],
  ['queue-max', 1, 2, '3', '2 3', async ({ node, realm }) => {
    const key = await realm();
    const mod = await relayMod(node.wsUrl, key, 's', 'c');
    for (const id of [1, 2, 3]) {
      mod.send(modMessage(id, 's', 'c'));
      await mod.next();
    }
    const bot = await relayBot(node.wsUrl, key);
    const got = [(await bot.nextJson()).msg_id];
    while (got.at(-1) !== '3') got.push((await bot.nextJson()).msg_id);
    await Promise.all([mod.close(), bot.close()]);
    return got.join(' ');
  }],
  ['relay-max-message', '1KiB', '4KiB', '1009', '400', async ({ node, realm }) => {
    const mod = await relayMod(node.wsUrl, await realm(), 's', 'c');
    mod.send('x'.repeat(2048));
    const answer = await mod.nextJson().catch(() => undefined);
    await mod.close();
    return answer?.code ?? mod.closed.code;
  }],
  ['relay-handshake', '100ms', '60s', 'closed', 'open', async ({ node, realm, isBefore }) => {
    const socket = await Socket.open(`${node.wsUrl}/sync?api_key=${await realm()}`);
    if (isBefore) await socket.ended();
    const how = socket.closed ? 'closed' : 'open';
    await socket.close();
    return how;
  }],
  ['auth-failures', '1/1h', '0', '401 429', '401 401', async ({ node }) => {
    const headers = { 'x-forwarded-for': `192.0.2.${1 + Math.floor(Math.random() * 100)}` };
    const attempt = async (secret) => (await Socket.refused(`${node.wsUrl}/sync?api_key=${secret}`, { headers })).status;
    return `${await attempt(Math.random())} ${await attempt(Math.random())}`;
  }],
  ['header-timeout', '100ms', '60s', '408', 'waits', async ({ node, isBefore }) => {
    const raw = await Raw.connect(node.port);
    raw.write('GET /healthz HTTP/1.1\r\n');
    if (isBefore) return (await raw.answer()).status;
    raw.write('Host: x\r\n\r\n');
    assert.equal((await raw.answer()).status, 200);
    raw.close();
    return 'waits';
  }],
  ['token-auth-url', '', 'the hook', '401', 'open', async ({ node }) => {
    const [how, socket] = await knock(`${node.wsUrl}/ws?token=${Math.random()}`);
    await socket?.close();
    return how;
  }],
  ['cors-origins', [], [ORIGIN], 'null', ORIGIN, async ({ node }) =>
    (await http('GET', `${node.url}/health`, { headers: { origin: ORIGIN } })).headers.get('access-control-allow-origin')],
  ['log-level', 'info', 'debug', 'false', 'true', async ({ node }) => {
    await (await Socket.open(`${node.wsUrl}/ws?token=${Math.random()}`, { origin: ORIGIN }).catch(() => undefined))?.close();
    return node.child.output.includes(' debug ');
  }],
];

test('SIGHUP: every row takes effect', { timeout: 60000 }, async (t) => {
  const column = (i) => Object.fromEntries(RELOADABLE.map((row) => [row[0], row[i]]));
  const common = { 'trust-proxy': true, 'auth-cache': '0s', 'rate-period': '1h', 'offline-ttl': '10s' };
  const { cluster, node, write } = await nodeWithFile(t, { ...common, ...column(1) });
  let count = 0;
  const world = {
    node,
    token: (kind, subject = `s${++count}`) => cluster.token(kind, subject),
    realm: () => cluster.token('relay', 'r', '--realm', `realm-${++count}`),
    publish: async (server, more) => (await http('POST', `${node.url}/publish`, {
      headers: bearer(server), body: { player_id: 'p', event: 'e', payload: 1, ...more } })).status,
  };
  const tryAll = async (want) => {
    const got = [];
    for (const row of RELOADABLE) got.push([row[0], String(await row[5](world).catch((error) => error.stack))]);
    assert.deepEqual(Object.fromEntries(got), column(want));
  };

  const open = await Socket.open(`${node.wsUrl}/ws?token=${await world.token('player')}`, { origin: ORIGIN });
  world.isBefore = true;
  await tryAll(3);
  write({ ...common, ...column(2), 'token-auth-url': await openHook(t) });
  await reload(node);
  world.isBefore = false;
  await tryAll(4);
  assert.equal(open.closed, undefined, 'who was connected stays');
  await open.close();
});

test('SIGHUP: a bad file changes nothing', { timeout: 60000 }, async (t) => {
  const { node, write, file } = await nodeWithFile(t, { 'max-body': '2KiB' });
  const probe = async (bytes) => (await http('POST', `${node.url}/publish`, { body: 'x'.repeat(bytes) })).status;
  const better = { 'max-body': '8KiB' };
  const rows = [
    ['not JSON', '{"max-body": "8KiB"', [`${file}: line 1: `]],
    ['empty', '', [`${file}: line 1: `]],
    ['a list', '[]', [`${file}: must be a JSON object`]],
    ['an unknown option', { ...better, nope: 1 }, [`${file}: nope: there is no such option`]],
    ['two values out of bounds', { ...better, 'rate-limit': -1, 'drain-rate': 0 },
      [`${file}: rate-limit "-1": must be a number from 0 to 1000000`, `${file}: drain-rate "0": must be a number from 1 to 100000`]],
    ['options that do not fit each other', { ...better, 'ping-interval': '60s' },
      ['--silence-timeout: must be longer than --ping-interval']],
    ['new ones that do not fit old ones', { ...better, 'tls-addr': [':0'], 'tls-cert': '/a', 'tls-key': '/b' },
      ['--tls-cert and --tls-key: need --tls-addr']],
  ];
  for (const [name, content, texts] of rows) {
    const said = node.child.output.length;
    write(content);
    await reload(node, 'failed');
    const log = () => node.child.output.slice(said);
    for (const text of texts) {
      await until(`${name}: ${text}`, () => log().includes(`error config.wrong ${text}`));
    }
    assert.deepEqual([await probe(2000), await probe(3000)], [401, 413], name);
  }
  write(better);
  await reload(node);
  assert.deepEqual([await probe(3000), await probe(9000)], [401, 413], 'a good one is taken again');
  await node.untilReady();
});

test('SIGHUP: a log file or a certificate that cannot be opened stays as it was', { timeout: 60000 }, async (t) => {
  const { node, write } = await nodeWithFile(t, {});
  write({ 'log-file': '/nowhere/log' });
  await reload(node);
  await until('it says so', () => node.child.output.includes('error log.reopen cannot write the log file /nowhere/log'));
  write({});
  await reload(node);
  await node.untilReady();
});

test('SIGHUP: what needs a restart is named', { timeout: 60000 }, async (t) => {
  const { node, write } = await nodeWithFile(t, { 'max-body': '2KiB' });
  write({ 'max-body': '4KiB', workers: 2, 'ws-deflate': true, 'pid-file': '/nowhere/pid', addr: [':1'] });
  await reload(node);
  await until('it says so', () => node.child.output.includes('config.reload need_restart="pid-file, workers, ws-deflate"'));
  const answer = await http('POST', `${node.url}/publish`, { body: 'x'.repeat(3000) });
  assert.equal(answer.status, 401, 'the rest is taken');
});

for (const format of ['text', 'json']) {
  test(`SIGHUP: the log is opened again after a rotation (${format})`, { timeout: 60000 }, async (t) => {
    const log = join(tempFolder(), 'signalbox.log');
    const cluster = await startCluster(t, { args: ['--log-file', log, '--log-format', format] });
    const [node] = cluster.replicas;
    const count = (file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0);
    const say = async () => {
      await (await Socket.open(`${node.wsUrl}/ws?token=${await cluster.token('player', 'p')}`)).close();
    };
    await say();
    await until('the first lines', () => readFileSync(log, 'utf8').includes('ws.close'));
    renameSync(log, `${log}.1`);
    node.child.signal('SIGHUP');
    await until('it is there again', () => existsSync(log));
    const old = count(`${log}.1`);
    await say();
    await until('it goes on', () => readFileSync(log, 'utf8').includes('ws.close'));
    assert.equal(count(`${log}.1`), old, 'the old one has ended');
    assert.equal(node.child.output, '', 'nothing goes to the terminal');
    if (format === 'json') {
      for (const line of readFileSync(`${log}.1`, 'utf8').trim().split('\n')) {
        const { time, level, event } = JSON.parse(line);
        assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.match(`${level} ${event}`, /^(debug|info|warn|error) [a-z.]+$/);
      }
    }
  });
}

test('check-config says everything that is wrong, at once', async () => {
  const wrong = await run(BINARY, ['check-config', '--max-conns', '0', '-rate-limit=many', '--relay-ttl', '10', '--addr', '::1:80',
    '--log-format', 'xml', '--daemon=maybe', '--auth-failures', '60', '--max-body', '1MB', '--nope', '--token-auth-url', 'ftp://u:secret@h'], {
    env: { SIGNALBOX_MAX_QUEUED: '-1', SIGNALBOX_LIVE_BOUND: '5' } });
  assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
  assert.deepEqual(wrong.stderr.split('\n'), [
    'SIGNALBOX_LIVE_BOUND "5": must be a number from 16 to 1048576',
    'SIGNALBOX_MAX_QUEUED "-1": must be a number from 0 to 100000',
    '--max-conns "0": must be a number from 1 to 10000',
    '--rate-limit "many": must be a number from 0 to 1000000',
    '--relay-ttl "10": must be a time from 1s to 720h',
    '--addr "::1:80": must be HOST:PORT, :PORT, [IPV6]:PORT or unix:///PATH, at most 16 of them',
    '--log-format "xml": must be one of text, json',
    '--daemon "maybe": must be true or false',
    '--auth-failures "60": must be 0, or COUNT/TIME with a count from 1 to 1000000',
    '--max-body "1MB": must be a size from 1KiB to 64MiB',
    '--nope: there is no such option',
    '--token-auth-url: must be a URL that begins with http:// or https:// of at most 4096 bytes',
    '',
  ]);
  const good = await run(BINARY, ['check-config', '--max-conns', '5']);
  assert.deepEqual([good.code, good.stdout, good.stderr], [0, 'the options are good\n', '']);
  const unknown = await run(BINARY, ['check-config', '--db', 'oracle', '--dsn', 'x']);
  assert.deepEqual([unknown.code, unknown.stderr], [1, '--db "oracle": must be sqlite3 or mysql\n']);
});

test('flags win over the environment, that over the file, that over the default', async (t) => {
  const file = join(tempFolder(), 'signalbox.json');
  // --max-ttl is 24h: an --offline-ttl of 25h does not go with it, which shows whose value it is
  const [good, bad] = ['10s', '25h'];
  const rows = [
    ['the default', {}, undefined, [], true],
    ['the file', { 'offline-ttl': bad }, undefined, [], false],
    ['the environment over the file', { 'offline-ttl': bad }, good, [], true],
    ['the environment over the file, the other way', { 'offline-ttl': good }, bad, [], false],
    ['an empty variable is none', { 'offline-ttl': bad }, '', [], false],
    ['a flag over the environment', { 'offline-ttl': bad }, bad, ['--offline-ttl', good], true],
    ['a flag over the environment, the other way', { 'offline-ttl': good }, good, [`-offline-ttl=${bad}`], false],
    ['the last flag', {}, undefined, ['--offline-ttl', bad, '--offline-ttl', good], true],
  ];
  for (const [name, options, variable, flags, isGood] of rows) {
    writeFileSync(file, JSON.stringify(options));
    const env = { SIGNALBOX_CONFIG: file, ...(variable === undefined ? {} : { SIGNALBOX_OFFLINE_TTL: variable }) };
    const done = await run(BINARY, ['check-config', ...flags], { env });
    const want = isGood ? [0, ''] : [2, '--offline-ttl: must not be longer than --max-ttl\n'];
    assert.deepEqual([done.code, done.stderr], want, name);
  }
  const missing = await run(BINARY, ['serve', '--config', '/nowhere/signalbox.json']);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /^\/nowhere\/signalbox\.json: unable to open/);
});

test('the flags of the push original, with one dash', { timeout: 60000 }, async (t) => {
  const redis = await Redis.start(t);
  const folder = tempFolder();
  const [log, pidFile, database] = ['signalbox.log', 'signalbox.pid', 'tokens.db'].map((name) => join(folder, name));
  const made = await run('sqlite3', [database], { input: `
    CREATE TABLE ws_token (token VARBINARY(32) PRIMARY KEY, player_id INT UNSIGNED NULL, subject_id VARBINARY(32),
      is_server BOOLEAN, expires_at DATETIME(6));
    INSERT INTO ws_token VALUES ('the-player', 7, NULL, 0, '2099-01-01 00:00:00');
    INSERT INTO ws_token VALUES ('the-server', NULL, 'backend', 1, '2099-01-01 00:00:00');` });
  assert.equal(made.code, 0, made.stderr);
  const node = new Replica(await freePort(), [], {});
  // LeakSanitizer and a parent that goes away do not concern each other
  const started = await run(BINARY, ['-addr', `127.0.0.1:${node.port}`, '-db', 'sqlite3', '-dsn', database, '-origins', ORIGIN,
    '-log-file', log, '-log-level', 'info', '-pid-file', pidFile, '-max-conns', '2', '-max-queued', '1', '-offline-ttl', '20s',
    '-rate-limit', '3', '-rate-period', '1h', '-revalidate-period', '1m', '-daemon', '-redis', redis.url], { env: node.env });
  const pid = Number(existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : 0);
  const isAlive = () => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  t.after(() => pid > 0 && isAlive() && process.kill(pid, 'SIGKILL'));
  assert.deepEqual([started.code, started.stdout, started.stderr], [0, '', ''], 'it says nothing and goes to the background');
  assert.ok(pid > 0 && isAlive());
  await until('ready', async () => (await node.status('/readyz')) === 200);

  const publish = async (payload) => (await http('POST', `${node.url}/publish`, {
    headers: bearer('the-server'), body: { player_id: 7, event: 'e', payload } })).status;
  assert.deepEqual([await publish(1), await publish(2)], [200, 200]);
  const url = `${node.wsUrl}/ws?token=the-player`;
  const [how, socket] = await knock(url);
  assert.equal(how, 'open');
  assert.equal(await socket.next(), '{"event":"e","payload":2}', '-max-queued');
  assert.deepEqual([await publish(3), await publish(4)], [200, 429], '-rate-limit');
  assert.equal((await Socket.refused(url, { origin: 'https://evil.example' })).status, 403, '-origins');
  const [, second] = await knock(url);
  assert.equal((await knock(url))[0], '429', '-max-conns');
  await Promise.all([socket.close(), second.close()]);
  process.kill(pid, 'SIGTERM');
  await until('its end', () => !isAlive());
  assert.ok(!existsSync(pidFile), 'the pid file goes with it');
  assert.match(readFileSync(log, 'utf8'), /info process\.end code=0\n$/);
});
