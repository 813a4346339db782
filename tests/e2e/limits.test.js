// SPDX-License-Identifier: MIT
// Every limit with an option that can be reached from outside: how it is exceeded, what the answer is, and
// the metric that counts it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { botMessage, http, modMessage, relayBot, relayMod, Socket } from './lib/clients.js';
import { until } from './lib/process.js';
import { Raw } from './lib/raw.js';
import { startCluster } from './lib/signalbox.js';

const limit = (name) => `signalbox_limit_total{limit="${name}"}`;
const dropped = (kind, reason) => `signalbox_channel_dropped_total{kind="${kind}",reason="${reason}"}`;
const closed = (reason) => `signalbox_ws_closed_total{reason="${reason}"}`;
const error = (text) => JSON.stringify({ error: text });
const text = (...parts) => parts.join(' ');
const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** Sends one request on a connection of its own: "STATUS body". */
async function ask(port, request, { keep } = {}) {
  const raw = await Raw.connect(port);
  raw.write(request);
  const { status, headers, body } = await raw.answer();
  if (!keep) raw.close();
  return { raw, status, headers, body, text: text(status, body) };
}

const GET = (path, headers = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

/** A connection that answers nothing and reads nothing. */
async function stalled(port, path) {
  const raw = await Raw.upgrade(port, path);
  raw.socket.pause();
  return raw;
}

const TOO_MANY = `503 ${error('Too many connections.')}`;

// ---- what a request may be, and how many there may be of a thing -------------------------------------

const SIZES = {
  args: ['--max-header', '1KiB', '--max-body', '1KiB', '--relay-max-message', '1KiB', '--max-conns', '2', '--mailbox-cap', '2',
    '--queue-max', '2', '--max-queued', '2', '--offline-ttl', '300ms', '--relay-ttl', '1s', '--job-ttl', '300ms',
    '--rate-limit', '3', '--rate-period', '1h', '--live-bound', '16', '--auth-failures', '0'],
  rows: [
    ['--max-header', ({ node }) => ask(node.port, GET('/healthz', `a: ${'x'.repeat(1024)}\r\n`)),
      `431 ${error('Request header too large.')}`, limit('header'), 1],
    ['--max-body', ({ node }) => ask(node.port, `POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n`),
      `413 ${error('Request body too large.')}`, limit('body'), 1],
    ['--max-body, in chunks', ({ node }) => ask(node.port,
      `POST /publish HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3ff\r\n${'x'.repeat(1023)}\r\n2\r\nxx\r\n`),
      `413 ${error('Request body too large.')}`, limit('body'), 1],
    ['--relay-max-message', async ({ node, key }) => {
      const mod = await relayMod(node.wsUrl, key, 's', 'c');
      mod.send('x'.repeat(1025));
      const { code, reason } = await mod.ended();
      return text(code, reason);
    }, '1009 message too big', limit('ws_message'), 1],
    ['--relay-max-message, in fragments', async ({ node, key }) => {
      const mod = await relayMod(node.wsUrl, key, 's', 'c');
      mod.ws.send('x'.repeat(1000), { fin: false });
      mod.ws.send('x'.repeat(25), { fin: true });
      return (await mod.ended()).code;
    }, '1009', limit('ws_message'), 1],
    ['--max-conns', async ({ node, token }) => {
      const url = `${node.wsUrl}/ws?token=${await token('player')}`;
      const sockets = [await Socket.open(url), await Socket.open(url)];
      const { status, body, headers } = await Socket.refused(url);
      await Promise.all(sockets.map((socket) => socket.close()));
      return text(status, body.trim(), headers['content-type']);
    }, '429 too many connections text/plain; charset=utf-8', limit('player_connections'), 1],
    ['--rate-limit', async ({ publish }) => {
      const got = [await publish('p'), await publish('p'), await publish('p'), await publish('p')];
      assert.ok(Number(got[3].headers.get('retry-after')) >= 1);
      return text(...got.map(({ status }) => status), got[3].text.trim());
    }, '200 200 200 429 rate limit', limit('rate'), 1],
    ['--mailbox-cap', async ({ enqueue, poll }) => {
      for (const n of [1, 2, 3, 4]) await enqueue('full', n);
      return (await poll('full')).text;
    }, '[3,4]', dropped('mailbox', 'offline_cap'), 2],
    ['--mailbox-cap, while the job is alive', async ({ enqueue, poll }) => {
      await poll('alive');
      for (const n of [1, 2, 3]) await enqueue('alive', n);
      return (await poll('alive')).text;
    }, '[2,3]', dropped('mailbox', 'offline_cap'), 1],
    ['a command whose ttl is over', async ({ enqueue, poll }) => {
      await enqueue('late', 1, { ttl: 1 });
      await enqueue('late', 2, { ttl: 60 });
      const list = () => poll('late', '', { 'x-ack': '0' });
      return (await until('the first has gone', async () => {
        const answer = await list();
        return answer.text !== '[1,2]' && answer;
      })).text;
    }, '[2]', dropped('mailbox', 'expired'), 1],
    ['--job-ttl', async ({ poll, job }) => {
      await poll('mortal');
      const first = await job('mortal');
      const last = await until('its end', async () => {
        const answer = await job('mortal');
        return answer.status === 404 && answer;
      });
      return text(first.status, last.status, last.text);
    }, `200 404 ${error('No such job.')}`],
    ['--queue-max, to the bot', async ({ node, key }) => {
      const mod = await relayMod(node.wsUrl, key, 's', 'c');
      for (const id of [1, 2, 3]) {
        mod.send(modMessage(id, 's', 'c'));
        assert.equal((await mod.nextJson()).status, 'queued');
      }
      const bot = await relayBot(node.wsUrl, key);
      const got = [(await bot.nextJson()).msg_id, (await bot.nextJson()).msg_id];
      await Promise.all([mod.close(), bot.close()]);
      return text(...got);
    }, '2 3', dropped('bot', 'offline_cap'), 1],
    ['--queue-max, to the mods', async ({ node, key }) => {
      const bot = await relayBot(node.wsUrl, key);
      for (const id of [1, 2, 3]) {
        bot.send(botMessage(id, 'c'));
        assert.equal((await bot.nextJson()).status, 'queued');
      }
      const mod = await relayMod(node.wsUrl, key, 's', 'c');
      const got = [(await mod.nextJson()).msg_id, (await mod.nextJson()).msg_id];
      await Promise.all([mod.close(), bot.close()]);
      return text(...got);
    }, '2 3', dropped('mods', 'offline_cap'), 1],
    ['--live-bound', async (world) => {
      const { node, key } = world;
      const [bound, slack, count] = [16, 64, 200]; // it is held to in each 64th append
      const mod = await relayMod(node.wsUrl, key, 's', 'c');
      const bot = await relayBot(node.wsUrl, key);
      await bot.breakOff(); // it may come straight back
      await until('the node knows', async () => (await node.metrics()).signalbox_relay_bots === 0);
      for (let id = 1; id <= count; id++) mod.send(modMessage(id, 's', 'c'));
      for (let id = 1; id <= count; id++) assert.match((await mod.nextJson()).status, /queued|completed/);
      const back = await relayBot(node.wsUrl, key);
      const got = [];
      while (got.at(-1) !== count) got.push(Number((await back.nextJson()).msg_id));
      await Promise.all([mod.close(), back.close()]);
      assert.ok(got.length >= bound && got.length < bound + slack, `${got.length} are left`);
      world.missed = count - got.length;
      return got.every((id, i) => id === world.missed + 1 + i) ? 'the newest, in order' : text(...got);
    }, 'the newest, in order', dropped('bot', 'live_bound'), ({ missed }) => missed],
    ['--relay-ttl', async ({ node, key, expired }) => {
      const mod = await relayMod(node.wsUrl, key, 's', 'c');
      mod.send(modMessage(1, 's', 'c'));
      assert.equal((await mod.nextJson()).status, 'queued');
      await expired(1000);
      mod.send(modMessage(2, 's', 'c'));
      await mod.next();
      const bot = await relayBot(node.wsUrl, key);
      const got = (await bot.nextJson()).msg_id;
      await Promise.all([mod.close(), bot.close()]);
      return got;
    }, '2', dropped('bot', 'expired'), 1],
    ['--max-queued', async ({ node, token, publish }) => {
      const id = 'crowded';
      for (const n of [1, 2, 3]) await publish(id, n, { ttl: 60 });
      const socket = await Socket.open(`${node.wsUrl}/ws?token=${await token('player', id)}`);
      const got = [(await socket.nextJson()).payload, (await socket.nextJson()).payload];
      await socket.close();
      return text(...got);
    }, '2 3', dropped('player', 'offline_cap'), 1],
    ['--offline-ttl', async ({ node, token, publish, expired }) => {
      const id = 'late';
      await publish(id, 1);
      await expired(300);
      await publish(id, 2, { ttl: 60 });
      const socket = await Socket.open(`${node.wsUrl}/ws?token=${await token('player', id)}`);
      const got = (await socket.nextJson()).payload;
      await socket.close();
      return got;
    }, '2', dropped('player', 'expired'), 1],
  ],
};

// ---- how long things may take -----------------------------------------------------------------------

const TIMES = {
  args: ['--header-timeout', '300ms', '--body-timeout', '300ms', '--idle-timeout', '300ms',
    '--ping-interval', '100ms', '--silence-timeout', '300ms', '--relay-handshake', '300ms'],
  rows: [
    ['--header-timeout', ({ node }) => ask(node.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n'),
      `408 ${error('Request timed out.')}`, limit('header_time'), 1],
    ['--header-timeout, without a byte', async ({ node }) => (await Raw.connect(node.port)).ended(), '', limit('header_time'), 1],
    ['--body-timeout', ({ node }) => ask(node.port, 'POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf'),
      `408 ${error('Request timed out.')}`, limit('body_time'), 1],
    ['--idle-timeout', async ({ node }) => {
      const { raw, status } = await ask(node.port, GET('/healthz'), { keep: true });
      return text(status, `"${await raw.ended()}"`);
    }, '200 ""', limit('idle_time'), 1],
    ['--ping-interval', async ({ node, token }) => {
      const raw = await Raw.upgrade(node.port, `/ws?token=${await token('player')}`);
      await raw.has('\r\n\r\n\x89\x01\0');
      raw.close();
      return 'pinged';
    }, 'pinged'],
    ['--silence-timeout, of one that answers no ping', async ({ node, token }) => {
      const raw = await Raw.upgrade(node.port, `/ws?token=${await token('player')}`);
      await raw.has('\x88\x11\x03\xe9no sign of life');
      raw.close();
      return 1001;
    }, '1001', closed('silent'), 1],
    ['--silence-timeout, of one that does', async ({ node, token }) => {
      const socket = await Socket.open(`${node.wsUrl}/ws?token=${await token('player')}`);
      let pings = 0;
      socket.ws.on('ping', () => pings++);
      await until('time enough', () => pings >= 5);
      const how = socket.closed ? 'closed' : 'open';
      await socket.close();
      return how;
    }, 'open', closed('silent'), 0],
    ['--relay-handshake', async ({ node, key }) => {
      const { code, reason } = await (await Socket.open(`${node.wsUrl}/sync?api_key=${key}`)).ended();
      return text(code, reason);
    }, '1000 Disconnecting.', limit('handshake_time'), 1],
  ],
};

const STALLS = {
  args: ['--write-timeout', '300ms', '--rate-limit', '0'],
  rows: [
    ['--write-timeout, of an answer', async ({ node }) => {
      const raw = await Raw.connect(node.port);
      raw.socket.pause();
      raw.write(GET('/metrics').repeat(1000));
      await until('it is cut', async () => (await node.metrics())[limit('write_time')] > 0);
      raw.close();
      return 'cut';
    }, 'cut', limit('write_time'), 1],
    ['--write-timeout, of a WebSocket', async ({ node, token, publish }) => {
      const raw = await stalled(node.port, `/ws?token=${await token('player', 'slow')}`);
      for (let i = 0; i < 10; i++) await publish('slow', 'x'.repeat(1_000_000));
      await until('it is cut', async () => (await node.metrics())[closed('slow_reader')] > 0);
      raw.socket.resume();
      return (await raw.ended()).length < 10_000_000 ? 'cut, what waited is gone' : 'it got everything';
    }, 'cut, what waited is gone', limit('write_time'), 1],
  ],
};

// ---- a reader that does not keep up -------------------------------------------------------------------

const PENDING = {
  args: ['--ws-pending-max', '16KiB', '--write-timeout', '60s', '--rate-limit', '0', '--max-queued', '1000'],
  rows: [
    ['--ws-pending-max: what follows waits in Redis', async ({ node, token, publish }) => {
      const count = 1000;
      const socket = await Socket.open(`${node.wsUrl}/ws?token=${await token('player', 'slow')}`);
      socket.ws.pause();
      for (let i = 0; i < count; i += 100) {
        await publish(Array.from({ length: 100 }, (_, n) => ({
          player_id: 'slow', event: 'e', payload: [i + n, 'x'.repeat(8000)], ttl: 60 })));
      }
      const metrics = await node.metrics();
      assert.ok(metrics[limit('ws_pending')] >= 1);
      assert.ok(metrics.signalbox_ws_pending_bytes <= 32768, `${metrics.signalbox_ws_pending_bytes} bytes wait`);
      socket.ws.resume();
      const got = [];
      while (got.length < count) got.push((await socket.nextJson()).payload[0]);
      await socket.close();
      return got.every((n, i) => n === i) ? 'all, in order' : text(...got);
    }, 'all, in order', limit('ws_pending')],
  ],
};

// ---- how many connections -----------------------------------------------------------------------------

/** Opens connections until one is turned away: the statuses. */
async function crowd(node, count, header = '') {
  const got = [];
  for (let i = 0; i < count; i++) got.push(await ask(node.port, GET('/healthz', header), { keep: true }));
  const { raw, headers, text: last } = got.at(-1);
  assert.match(headers, /\r\nretry-after: 1/i);
  await raw.ended();
  got.forEach((one) => one.raw.close());
  return text(...got.slice(0, -1).map(({ status }) => status), last);
}

const TOTAL = {
  isAlone: true,
  args: ['--max-connections', '3', '--idle-timeout', '1s'],
  rows: [['--max-connections', ({ node }) => crowd(node, 4), `200 200 200 ${TOO_MANY}`, limit('connections'), 1]],
};

const PER_IP = {
  isAlone: true,
  args: ['--max-conns-per-ip', '3', '--idle-timeout', '1s'],
  rows: [
    ['--max-conns-per-ip', ({ node }) => crowd(node, 4), `200 200 200 ${TOO_MANY}`, limit('connections_per_ip'), 1],
    ['--max-conns-per-ip, of WebSockets', async ({ node, token }) => {
      const url = `${node.wsUrl}/ws?token=${await token('player')}`;
      const sockets = [await Socket.open(url), await Socket.open(url), await Socket.open(url)];
      const refused = await Socket.refused(url);
      await Promise.all(sockets.map((socket) => socket.close()));
      return text(refused.status, refused.body);
    }, TOO_MANY, limit('connections_per_ip'), 1],
    ['--max-conns-per-ip: X-Forwarded-For does not help', async ({ node }) => {
      let n = 0;
      const got = [];
      for (; n < 4; n++) got.push(await ask(node.port, GET('/healthz', `X-Forwarded-For: 192.0.2.${n}\r\n`), { keep: true }));
      got.forEach((one) => one.raw.close());
      return text(...got.map(({ status }) => status));
    }, '200 200 200 503', limit('connections_per_ip'), 1],
  ],
};

const TRUSTED = {
  args: ['--max-conns-per-ip', '2', '--trust-proxy'],
  rows: [
    ['--trust-proxy: the last of X-Forwarded-For counts', ({ node }) =>
      crowd(node, 3, 'X-Forwarded-For: 192.0.2.1, 198.51.100.7\r\n'), `200 200 ${TOO_MANY}`, limit('connections_per_ip'), 1],
    ['--trust-proxy: others are others', async ({ node }) => {
      const got = [];
      for (let n = 0; n < 5; n++) {
        got.push(await ask(node.port, GET('/healthz', `X-Forwarded-For: 198.51.100.7, 192.0.2.${n}\r\n`), { keep: true }));
      }
      got.forEach((one) => one.raw.close());
      return text(...got.map(({ status }) => status));
    }, '200 200 200 200 200', limit('connections_per_ip'), 0],
    ['--trust-proxy: of WebSockets', async ({ node, token }) => {
      const url = `${node.wsUrl}/ws?token=${await token('player')}`;
      const headers = { 'x-forwarded-for': '203.0.113.9' };
      const sockets = [await Socket.open(url, { headers }), await Socket.open(url, { headers })];
      const refused = await Socket.refused(url, { headers });
      const other = await Socket.open(url, { headers: { 'x-forwarded-for': '203.0.113.10' } });
      await Promise.all([...sockets, other].map((socket) => socket.close()));
      return text(refused.status, refused.body);
    }, TOO_MANY, limit('connections_per_ip'), 1],
  ],
};

// ---- who guesses --------------------------------------------------------------------------------------

const GUESSES = {
  args: ['--auth-failures', '3/1h', '--auth-cache', '1h', '--trust-proxy'],
  rows: [
    ['--auth-failures', async ({ node, token, publish, server }) => {
      const from = (ip) => ({ headers: { 'x-forwarded-for': ip } });
      const url = (secret) => `${node.wsUrl}/ws?token=${secret}`;
      const guess = async (ip) => Socket.refused(url(`guess-${Math.random()}`), from(ip));
      const [known, unknown] = [await token('player'), await token('player')];
      await (await Socket.open(url(known), from('192.0.2.1'))).close();
      const got = [];
      for (let i = 0; i < 4; i++) got.push(await guess('192.0.2.1'));
      const last = got.at(-1);
      assert.ok(Number(last.headers['retry-after']) >= 1);
      assert.equal(last.body, 'too many failed attempts\n');
      await (await Socket.open(url(known), from('192.0.2.1'))).close(); // what is known goes on
      const fresh = await Socket.refused(url(unknown), from('192.0.2.1'));
      await (await Socket.open(url(unknown), from('192.0.2.2'))).close(); // and so do others
      assert.equal((await publish('p', 1, {}, server)).status, 200);
      return text(...got.map(({ status }) => status), fresh.status);
    }, '401 401 401 429 429', 'signalbox_auth_throttled_total', 2],
    ['--auth-failures, in every dialect', async ({ node, token, realm }) => {
      const ip = '192.0.2.3';
      const headers = { 'x-forwarded-for': ip };
      const guesses = [
        () => Socket.refused(`${node.wsUrl}/sync?api_key=no-${Math.random()}`, { headers }),
        () => http('POST', `${node.url}/publish`, { headers: { ...headers, ...bearer(`no-${Math.random()}`) }, body: '{}' }),
        () => http('GET', `${node.url}/api/v1/commands`, {
          headers: { ...headers, 'x-universe-id': 'u', 'x-api-key': `no-${Math.random()}`, 'x-job-id': 'j' } }),
        () => Socket.refused(`${node.wsUrl}/ws?token=no-${Math.random()}`, { headers }),
      ];
      const got = [];
      for (const guess of [...guesses, ...guesses]) got.push((await guess()).status);
      return text(...got);
    }, '401 403 403 429 429 429 429 429', 'signalbox_auth_throttled_total', 5],
  ],
};

for (const [what, { args, rows, isAlone }] of Object.entries({ SIZES, TIMES, STALLS, PENDING, TOTAL, PER_IP, TRUSTED, GUESSES })) {
  test(`limits: ${what.toLowerCase()}`, { timeout: 60000 }, async (t) => {
    const cluster = await startCluster(t, { args });
    const [node] = cluster.replicas;
    // on a connection of its own each time, which no limit of this file forbids
    node.metrics = async () => {
      const { status, body } = await ask(node.port, GET('/metrics', 'Connection: close\r\n'));
      assert.equal(status, 200);
      return Object.fromEntries([...body.matchAll(/^([^#\s].*) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]));
    };
    /** The metrics, once what was opened is closed; where connections are counted, every one. */
    const quiet = () => until('its connections are gone', async () => {
      const metrics = await node.metrics().catch(() => undefined);
      return metrics?.signalbox_ws_connections === 0 && !(isAlone && metrics.signalbox_http_connections > 1) && metrics;
    });
    const universe = await cluster.token('universe', 'u');
    const identity = (job) => ({ 'x-universe-id': 'u', 'x-api-key': universe, 'x-job-id': job });
    let count = 0;
    for (const [name, exceed, want, metric, times] of rows) {
      await t.test(name, async () => {
        const token = (kind, subject = `s${++count}`) => cluster.token(kind, subject);
        const server = await token('server');
        const world = {
          node, token, server, key: await cluster.token('relay', 'r', '--realm', `realm-${++count}`),
          publish: (to, payload = 1, more = {}) => http('POST', `${node.url}/publish`, {
            headers: bearer(server),
            body: Array.isArray(to) ? to : { player_id: to, event: 'e', payload, ...more } }),
          enqueue: (job, payload, more) => http('POST', `${node.url}/api/v1/commands`, {
            headers: identity(job), body: { jobId: job, payload, ...more } }),
          poll: (job, query = '', headers = {}) => http('GET', `${node.url}/api/v1/commands${query}`, {
            headers: { ...identity(job), ...headers } }),
          job: (job) => http('GET', `${node.url}/api/v1/jobs/${job}`, { headers: identity(job) }),
          expired: async (ms) => {
            const end = Date.now() + ms;
            await until('it is too late', () => Date.now() > end + 20);
          },
        };
        const before = await quiet();
        const got = await exceed(world);
        assert.equal(String(got?.text ?? got), want);
        if (metric === undefined) return;
        const after = await quiet();
        assert.ok(metric in after, `${metric} is no metric`);
        if (times === undefined) assert.ok(after[metric] > before[metric], metric);
        else assert.equal(after[metric] - before[metric], typeof times === 'function' ? times(world) : times, metric);
      });
    }
  });
}
