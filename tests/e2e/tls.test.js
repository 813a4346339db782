// SPDX-License-Identifier: MIT
// What goes around the dialects: TLS, permessage-deflate, and browsers of other origins.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { http, modMessage, relayBot, Socket } from './lib/clients.js';
import { freePort, run, tempFolder, until } from './lib/process.js';
import { Raw } from './lib/raw.js';
import { BINARY, startCluster } from './lib/signalbox.js';

const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** A certificate of our own making: { cert, key, name }. */
async function makeCertificate(t, name) {
  const folder = tempFolder();
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  assert.equal(made.code, 0, made.stderr);
  return { cert, key, name };
}

/** One HTTPS exchange with a server that must show a certificate signed by `ca`. */
function secure(port, method, path, { ca, headers, body, agent } = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request({ port, host: '127.0.0.1', method, path, ca, headers, agent }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text, headers: response.headers }));
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The name in the certificate that a server shows. */
function nameShown(port, options = {}) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('TLS', { timeout: 60000 }, async (t) => {
  const [first, second, other] = [await makeCertificate(t, 'first'), await makeCertificate(t, 'second'), await makeCertificate(t, 'other')];
  const folder = tempFolder();
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const use = (made) => {
    copyFileSync(made.cert, cert);
    copyFileSync(made.key, key);
  };
  use(first);
  const port = await freePort();
  const cluster = await startCluster(t, {
    args: ['--tls-addr', `127.0.0.1:${port}`, '--tls-cert', cert, '--tls-key', key, '--auth-failures', '0', '--header-timeout', '1s'] });
  const [node] = cluster.replicas;
  const ca = readFileSync(first.cert);
  const wss = `wss://127.0.0.1:${port}`;
  const server = await cluster.token('server', 's');
  const player = await cluster.token('player', 'p');

  await t.test('the mailbox: a command, a long poll', async () => {
    const headers = { 'x-universe-id': 'u', 'x-api-key': await cluster.token('universe', 'u'), 'x-job-id': 'j' };
    const held = secure(port, 'GET', '/api/v1/commands?wait=20', { ca, headers });
    await until('it is held', async () => (await node.metrics()).signalbox_mailbox_held_polls === 1);
    const sent = await secure(port, 'POST', '/api/v1/commands', { ca, headers: bearer(server), body: { jobId: 'j', payload: { n: 1 } } });
    assert.deepEqual([sent.status, sent.text], [202, '{"results":[{"jobId":"j","status":"live"}]}']);
    assert.equal((await held).text, '[{"n":1}]');
  });

  await t.test('the relay, from TLS to plain and back', async () => {
    const relay = await cluster.token('relay', 'r');
    const open = async (url, handshake, options) => {
      const socket = await Socket.open(`${url}/sync?api_key=${relay}`, options);
      socket.send(handshake);
      assert.equal((await socket.nextJson()).status, 'connected');
      return socket;
    };
    const mod = await open(wss, { type: 'mod', data: { server_id: 's', channel_id: 'c' } }, { ca });
    const bot = await relayBot(node.wsUrl, relay);
    const long = 'x'.repeat(1_000_000);
    for (const [id, content] of [[1, 'short'], [2, long]]) {
      mod.send(modMessage(id, 's', 'c', content));
      assert.equal((await mod.nextJson()).status, 'completed');
      assert.equal((await bot.nextJson()).content, content);
      bot.send({ msg_id: `b${id}`, id: 'c', author: { id: 'b' }, content });
      assert.equal((await bot.nextJson()).status, 'completed');
      assert.equal((await mod.nextJson()).content, content);
    }
    await Promise.all([mod.close(), bot.close()]);
  });

  await t.test('push, many at once', async () => {
    const sockets = [];
    for (let i = 0; i < 5; i++) sockets.push(await Socket.open(`${wss}/ws?token=${player}`, { ca }));
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    for (let i = 0; i < 10; i++) {
      const { status, headers } = await secure(port, 'POST', '/publish', {
        ca, agent, headers: bearer(server), body: { player_id: 'p', event: 'e', payload: i } });
      assert.deepEqual([status, headers['x-delivery']], [200, 'live']);
    }
    for (const socket of sockets) {
      for (let i = 0; i < 10; i++) assert.equal(await socket.next(), `{"event":"e","payload":${i}}`);
    }
    assert.equal((await Socket.refused(`${wss}/ws?token=${player}`, { ca })).status, 429);
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  await t.test('what is no TLS is no harm', async () => {
    const plain = await Raw.connect(port);
    plain.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.ok(!(await plain.ended()).includes('HTTP/1.1'));
    const before = (await node.metrics())['signalbox_limit_total{limit="handshake_time"}'];
    const silent = await Raw.connect(port);
    assert.equal(await silent.ended(), '', 'a handshake has its time');
    assert.equal((await node.metrics())['signalbox_limit_total{limit="handshake_time"}'], before + 1);
    await assert.rejects(secure(port, 'GET', '/healthz', { ca: readFileSync(other.cert) }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await assert.rejects(nameShown(port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      assert.equal(await nameShown(port, { minVersion: version, maxVersion: version }), 'first', version);
    }
  });

  await t.test('the certificate is exchanged by SIGHUP; who is connected stays', async () => {
    const socket = await Socket.open(`${wss}/ws?token=${player}`, { ca });
    use(second);
    assert.equal(await nameShown(port), 'first', 'not before');
    node.child.signal('SIGHUP');
    await until('the new one', async () => (await nameShown(port)) === 'second');
    assert.equal((await secure(port, 'GET', '/healthz', { ca: readFileSync(second.cert) })).status, 200);
    await secure(port, 'POST', '/publish', {
      ca: readFileSync(second.cert), headers: bearer(server), body: { player_id: 'p', event: 'e', payload: 'still here' } });
    assert.equal(await socket.next(), '{"event":"e","payload":"still here"}');
    await socket.close();
  });

  await t.test('a bad certificate changes nothing, and the log says so', async () => {
    const rows = [
      ['no certificate', () => writeFileSync(cert, 'nonsense'), '--tls-cert'],
      ['another key', () => { use(second); copyFileSync(other.key, key); }, '--tls-key'],
    ];
    for (const [name, spoil, text] of rows) {
      const said = node.child.output.length;
      spoil();
      node.child.signal('SIGHUP');
      await until(`${name} is said`, () => node.child.output.slice(said).includes(`error tls.reload ${text}`));
      assert.equal(await nameShown(port), 'second', name);
    }
  });

  await t.test('a drain closes with 1001 here, too', async () => {
    const socket = await Socket.open(`${wss}/ws?token=${player}`, { rejectUnauthorized: false });
    await node.stop();
    assert.equal((await socket.ended()).code, 1001);
  });
});

test('a certificate that cannot be used ends the start', { timeout: 60000 }, async (t) => {
  const good = await makeCertificate(t, 'good');
  const port = await freePort();
  const serve = (cert, key) => run(BINARY, ['serve', '--redis', 'unix:///nowhere', '--addr', '127.0.0.1:0',
    '--tls-addr', `127.0.0.1:${port}`, '--tls-cert', cert, '--tls-key', key]);
  for (const [cert, key, text] of [['/nowhere', good.key, '--tls-cert /nowhere'], [good.cert, '/nowhere', '--tls-key /nowhere']]) {
    const { code, stderr } = await serve(cert, key);
    assert.equal(code, 1, stderr);
    assert.match(stderr, new RegExp(`error start\\.failed ${text}`));
  }
});

// ---- permessage-deflate --------------------------------------------------------------------------------

test('permessage-deflate', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, { args: ['--rate-limit', '0', '--max-conns', '10'] });
  const [plain] = cluster.replicas;
  const node = await cluster.add(['--ws-deflate']);
  const server = await cluster.token('server', 's');
  const player = await cluster.token('player', 'p');
  const long = 'the same words again and again, '.repeat(10000);
  const publish = (payload) => http('POST', `${node.url}/publish`, {
    headers: bearer(server), body: { player_id: 'p', event: 'e', payload } });
  const offers = [
    ['as npm ws offers it', true],
    ['without context takeover', { clientNoContextTakeover: true, serverNoContextTakeover: true }],
    ['with a small window of its own', { clientMaxWindowBits: 10 }],
  ];

  for (const [name, perMessageDeflate] of offers) {
    await t.test(`push ${name}`, async () => {
      const socket = await Socket.open(`${node.wsUrl}/ws?token=${player}`, { perMessageDeflate });
      const without = await Socket.open(`${node.wsUrl}/ws?token=${player}`, { perMessageDeflate: false });
      assert.match(socket.ws.extensions, /^permessage-deflate/);
      assert.equal(without.ws.extensions, '');
      for (const payload of ['short', long, '', long, 'é€👩‍👩‍👧']) {
        assert.equal((await publish(payload)).status, 200);
        const want = JSON.stringify({ event: 'e', payload });
        assert.equal(await socket.next(), want);
        assert.equal(await without.next(), want);
      }
      const bytes = (one) => one.ws._socket.bytesRead;
      assert.ok(bytes(socket) * 20 < bytes(without), `${bytes(socket)} and ${bytes(without)} bytes`);
      await Promise.all([socket.close(), without.close()]);
    });

    await t.test(`the relay ${name}`, async () => {
      const key = await cluster.token('relay', 'r', '--realm', name.replaceAll(' ', '-'));
      const open = async (handshake) => {
        const socket = await Socket.open(`${node.wsUrl}/sync?api_key=${key}`, { perMessageDeflate });
        socket.send(handshake);
        assert.equal((await socket.nextJson()).status, 'connected');
        return socket;
      };
      const bot = await open({ type: 'bot', data: { bot_id: 'b' } });
      const mod = await open({ type: 'mod', data: { server_id: 's', channel_id: 'c' } });
      for (const [id, content] of [[1, 'short'], [2, long], [3, 'short again']]) {
        mod.ws.send(JSON.stringify(modMessage(id, 's', 'c', content)), { compress: true });
        assert.equal((await mod.nextJson()).status, 'completed');
        assert.equal((await bot.nextJson()).content, content);
      }
      await Promise.all([bot.close(), mod.close()]);
    });
  }

  await t.test('what grows beyond the bound is too big, however small it came', async () => {
    const key = await cluster.token('relay', 'r', '--realm', 'bomb');
    const socket = await Socket.open(`${node.wsUrl}/sync?api_key=${key}`, { perMessageDeflate: true });
    socket.ws.send('0'.repeat(50_000_000), { compress: true });
    assert.equal((await socket.ended()).code, 1009);
  });

  await t.test('a window for the node is not granted: then nothing is compressed', async () => {
    const socket = await Socket.open(`${node.wsUrl}/ws?token=${player}`, { perMessageDeflate: { serverMaxWindowBits: 10 } });
    assert.equal(socket.ws.extensions, '');
    await publish(long);
    assert.equal(await socket.next(), JSON.stringify({ event: 'e', payload: long }));
    await socket.close();
  });

  await t.test('is off by default', async () => {
    const socket = await Socket.open(`${plain.wsUrl}/ws?token=${player}`, { perMessageDeflate: true });
    assert.equal(socket.ws.extensions, '');
    await socket.close();
  });
});

// ---- CORS ----------------------------------------------------------------------------------------------

test('browsers of other origins', { timeout: 60000 }, async (t) => {
  const [consoles, evil] = ['https://console.example', 'https://evil.example'];
  const cluster = await startCluster(t, { args: ['--cors-origins', `${consoles},https://other.example`] });
  const anyone = await cluster.add(['--cors-origins', '*']);
  const [node] = cluster.replicas;
  const preflight = async (at, path, origin, method = 'POST') => {
    const { status, headers } = await http('OPTIONS', `${at.url}${path}`, { headers: {
      origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization,content-type' } });
    return [status, ...['origin', 'methods', 'headers', 'max-age'].map((name) =>
      headers.get(name === 'max-age' ? 'access-control-max-age' : `access-control-allow-${name}`))];
  };
  const rows = [
    ['publish', node, '/publish', consoles, [204, consoles, 'POST', 'authorization,content-type', '600']],
    ['broadcast', node, '/broadcast', consoles, [204, consoles, 'POST', 'authorization,content-type', '600']],
    ['enqueue', node, '/api/v1/commands', consoles, [204, consoles, 'POST', 'authorization,content-type', '600']],
    ['the registry', node, '/api/v1/jobs', consoles, [204, consoles, 'GET, HEAD', 'authorization,content-type', '600']],
    ['one job', node, '/api/v1/jobs/j', consoles, [204, consoles, 'GET, HEAD', 'authorization,content-type', '600']],
    ['an origin that is not named', node, '/publish', evil, [204, null, null, null, null]],
    ['any origin', anyone, '/publish', evil, [204, '*', 'POST', 'authorization,content-type', '600']],
    ['a route that is not for browsers', node, '/metrics', consoles, [204, null, null, null, null]],
  ];
  for (const [name, at, path, origin, want] of rows) assert.deepEqual(await preflight(at, path, origin), want, name);

  const server = await cluster.token('server', 's');
  const call = (origin, token) => http('POST', `${node.url}/publish`, {
    headers: { origin, ...bearer(token) }, body: { player_id: 'p', event: 'e' } });
  const answer = await call(consoles, server);
  assert.deepEqual([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')], [200, consoles, 'Origin']);
  const refused = await call(consoles, 'wrong');
  assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [403, consoles], 'a page can read why');
  assert.equal((await call(evil, server)).headers.get('access-control-allow-origin'), null);
});
