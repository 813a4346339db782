// SPDX-License-Identifier: MIT
// Who a socket is, what it may do in which rooms, and how its token is renewed and ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { http } from './lib/clients.js';
import { inSeconds, secretToken, SigningKey, startJwks } from './lib/jwt.js';
import { until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient } from './lib/socketio.js';

const SECRET = 'not very long, but a secret';

test('tokens with a shared secret', async (t) => {
  const cluster = await startCluster(t, {
    count: 2, balancer: 'random(1)',
    args: ['--jwt-secret', SECRET, '--jwt-leeway', '0s', '--jwt-warn', '1s', '--unauthenticated-rooms', 'lobby:*', '--auth-failures', '0', '--jsonp'],
  });
  const { url } = cluster.balancer;
  const server = await cluster.token('server', 'back-end');
  const emit = async (body) => {
    const sent = await http('POST', `${url}/api/v1/emit`, { headers: { authorization: `Bearer ${server}` }, body });
    assert.equal(sent.status, 202, sent.text);
  };
  const token = (claims) => secretToken(SECRET, { sub: 'ann', exp: inSeconds(600), ...claims });

  await t.test('a token in the auth payload, a header, a cookie, the query', async (inner) => {
    const good = token({ rooms: { 'job:*': ['join', 'emit'] } });
    const ways = {
      payload: { auth: { token: good } },
      header: { extraHeaders: { authorization: `Bearer ${good}` } },
      cookie: { extraHeaders: { cookie: `a=b; token=${good}; c=d` } },
      query: { query: { token: good } },
    };
    for (const [name, options] of Object.entries(ways)) {
      const client = await JsClient.open(inner, 4, url, { ...options, transports: ['websocket'] });
      assert.deepEqual(await client.ask('signalbox:join', { room: 'job:1' }), [{ ok: true }], name);
      client.close();
    }
  });

  await t.test('a cookie that a page of another origin made the browser send is not taken', async (inner) => {
    const cookie = `token=${token({ rooms: { '*': ['join'] } })}`;
    const { host } = new URL(url);
    for (const [origin, want] of [[url, 'ok'], [`https://${host.toUpperCase()}`, 'ok'], ['https://evil.example', 'error'],
      [`https://evil.${host}`, 'error'], ['null', 'error'], [host, 'error']]) {
      for (const transports of [['websocket'], ['polling']]) {
        const client = await JsClient.open(inner, 4, url, { extraHeaders: { cookie, origin }, transports });
        const [got] = await client.ask('signalbox:join', { room: 'job:1' });
        assert.deepEqual(Object.keys(got), [want], `${origin} ${transports}`);
        client.close();
      }
    }
  });

  await t.test('a cookie that came with JSON-P, which any page can ask for, is not taken', async () => {
    const good = token({ rooms: { '*': ['join'] } });
    const at = `${url}/socket.io/?EIO=4&transport=polling`;
    const rows = [['', '', 'ok'], ['&j=0', '', 'error'], ['&j', '', 'error'], [`&j=0&token=${good}`, '', 'ok'], ['&j=0', JSON.stringify({ token: good }), 'ok']];
    for (const [query, auth, want] of rows) {
      const get = async (more) => (await fetch(at + query + more, { headers: { cookie: `token=${good}` } })).text();
      const sid = `&sid=${(await get('')).match(/sid\W+([-\w]{20})/)[1]}`;
      const say = (text) => fetch(at + query + sid, query === ''
        ? { method: 'POST', body: text, headers: { 'content-type': 'text/plain;charset=UTF-8' } }
        : { method: 'POST', body: new URLSearchParams({ d: text }) });
      await say(`40${auth}`);
      await get(sid);
      await say('420["signalbox:join",{"room":"job:1"}]');
      const answer = (await get(sid)).replaceAll('\\', '');
      assert.ok(answer.includes(`430[{"${want}":`), `${query} ${auth}: ${answer}`);
    }
  });

  await t.test('a token that is no good is refused, and the client is told why', async (inner) => {
    const rows = [
      ['another secret', secretToken('other', { sub: 'ann', exp: inSeconds(600) }), 'TOKEN_INVALID'],
      ['no signature', `${token({}).split('.').slice(0, 2).join('.')}.`, 'TOKEN_INVALID'],
      ['alg none', `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token({}).split('.')[1]}.`, 'TOKEN_INVALID'],
      ['expired', secretToken(SECRET, { sub: 'ann', exp: inSeconds(-5) }), 'TOKEN_EXPIRED'],
      ['not yet valid', secretToken(SECRET, { sub: 'ann', nbf: inSeconds(60) }), 'TOKEN_INVALID'],
      ['not a token', 'hello', 'TOKEN_INVALID'],
    ];
    for (const [name, bad, code] of rows) {
      const client = new JsClient(inner, 4, url, { auth: { token: bad }, transports: ['websocket'], reconnection: false });
      await until(name, () => client.error);
      assert.equal(client.error.data?.code, code, `${name}: ${client.error.message}`);
      client.close();
    }
  });

  await t.test('without a token: the unauthenticated room and nothing else', async (inner) => {
    const nobody = await JsClient.open(inner, 4, url, { transports: ['polling'] });
    const ann = await JsClient.open(inner, 4, url, { auth: { token: token({}) } });
    assert.ok('error' in (await nobody.ask('signalbox:join', { room: 'job:1' }))[0]);
    assert.deepEqual(await nobody.ask('signalbox:join', { room: 'lobby:1' }), [{ ok: true }]);
    await emit({ event: 'news', args: ['for all'] });
    await emit({ rooms: ['unauthenticated'], event: 'news', args: ['please log in'] });
    assert.deepEqual(await nobody.next(), ['news', 'please log in']);
    assert.deepEqual(await ann.next(), ['news', 'for all']);
    assert.equal(ann.events.length, 1);
    nobody.close();
    ann.close();
  });

  await t.test('claims give rights by room', async (inner) => {
    const ann = await JsClient.open(inner, 4, url, {
      auth: { token: token({ rooms: { 'user:{sub}': ['join', 'emit'], 'news:*': ['join'] } }) }, transports: ['websocket'],
    });
    assert.deepEqual(await ann.ask('signalbox:join', { room: 'user:ann' }), [{ ok: true }]);
    assert.ok('error' in (await ann.ask('signalbox:join', { room: 'user:bob' }))[0]);
    assert.deepEqual(await ann.ask('signalbox:join', { room: 'news:1' }), [{ ok: true }]);
    assert.ok('error' in (await ann.ask('signalbox:emit', { room: 'news:1', event: 'x', args: [] }))[0]);
    assert.deepEqual(await ann.ask('signalbox:emit', { room: 'user:ann', event: 'mine', args: [1] }), [{ ok: true }]);
    assert.deepEqual(await ann.next(), ['mine', 1]);
    ann.close();
  });

  await t.test('a token is renewed on a live connection', async (inner) => {
    const ann = await JsClient.open(inner, 4, url, { auth: { token: token({ exp: inSeconds(3) }) }, transports: ['websocket'] });
    assert.equal((await ann.next())[0], 'signalbox:token_expiring');
    const [renewed] = await ann.ask('signalbox:renew', { token: token({ exp: inSeconds(600) }) });
    assert.equal(renewed.ok, true);
    assert.ok('error' in (await ann.ask('signalbox:renew', { token: token({ sub: 'bob' }) }))[0], 'somebody else');
    assert.equal(ann.disconnected, undefined);
    ann.close();
  });

  await t.test('a token that ends is told of, and ends the socket', async (inner) => {
    const ann = await JsClient.open(inner, 4, url, { auth: { token: token({ exp: inSeconds(3) }) } });
    assert.equal((await ann.next())[0], 'signalbox:token_expiring');
    assert.equal((await ann.next())[0], 'signalbox:token_expired');
    await until('it is disconnected', () => ann.disconnected);
    assert.equal(ann.disconnected, 'io server disconnect');
  });

  await t.test('nobody becomes somebody', async (inner) => {
    const client = await JsClient.open(inner, 4, url, { transports: ['websocket'] });
    assert.equal((await client.ask('signalbox:renew', { token: token({ rooms: { 'job:*': ['join'] } }) }))[0].ok, true);
    assert.deepEqual(await client.ask('signalbox:join', { room: 'job:1' }), [{ ok: true }]);
    await emit({ rooms: ['unauthenticated'], event: 'news', args: ['please log in'] });
    await emit({ event: 'news', args: ['for all'] });
    assert.deepEqual(await client.next(), ['news', 'for all']);
    client.close();
  });
});

test('a token ends where clients are recovered', async (t) => {
  const cluster = await startCluster(t, { args: ['--jwt-secret', SECRET, '--jwt-leeway', '1s', '--recovery', '60s'] });
  const ann = await JsClient.open(t, 4, cluster.replicas[0].url, { auth: { token: secretToken(SECRET, { sub: 'ann', exp: inSeconds(2) }) } });
  await until('it is disconnected', () => ann.disconnected);
  assert.deepEqual(ann.events.map(([name]) => name), ['signalbox:token_expiring', 'signalbox:token_expired']);
});

test('a token is required', async (t) => {
  const cluster = await startCluster(t, { args: ['--jwt-secret', SECRET, '--socketio-auth', 'required'] });
  const { url } = cluster.replicas[0];
  const client = new JsClient(t, 4, url, { transports: ['websocket'], reconnection: false });
  await until('it is refused', () => client.error);
  assert.equal(client.error.data.code, 'TOKEN_REQUIRED');
});

test('tokens of an identity provider', async (t) => {
  const first = new SigningKey('RS256', 'one');
  const second = new SigningKey('ES256', 'two');
  const provider = await startJwks(t, [first, second]);
  const cluster = await startCluster(t, {
    args: ['--jwt-jwks-url', provider.url, '--jwt-issuer', 'https://id.example', '--jwt-audience', 'game', '--auth-failures', '0'],
  });
  const { url } = cluster.replicas[0];
  const claims = { sub: 'ann', iss: 'https://id.example', aud: ['game', 'web'], exp: inSeconds(600) };
  const code = async (token) => {
    const client = new JsClient(t, 4, url, { auth: { token }, transports: ['websocket'], reconnection: false });
    await until('an answer', () => client.error || client.socket.connected);
    const got = client.error ? client.error.data?.code : 'OK';
    client.close();
    return got;
  };

  assert.equal(await code(first.token({ ...claims, iss: 'https://evil.example' })), 'TOKEN_INVALID');
  assert.equal(await code(secretToken('x', claims, { kid: 'one' })), 'TOKEN_INVALID');
  assert.equal(provider.fetched, 0, 'nothing is fetched for a token whose issuer or algorithm is wrong');
  assert.equal(await code(first.token(claims)), 'OK');
  assert.equal(await code(second.token(claims)), 'OK');
  assert.equal(provider.fetched, 1);
  assert.equal(await code(first.token({ ...claims, aud: 'other' })), 'TOKEN_INVALID');
  assert.equal(await code(first.token(claims, { kid: 'two' })), 'TOKEN_INVALID');
  const publicKey = JSON.stringify(first.jwk);
  assert.equal(await code(secretToken(publicKey, claims, { kid: 'one' })), 'TOKEN_INVALID', 'a public key is no secret');

  const third = new SigningKey('RS256', 'three');
  provider.keys = [third];
  await until('the new key is known', async () => (await code(third.token(claims))) === 'OK', 15000);
});
