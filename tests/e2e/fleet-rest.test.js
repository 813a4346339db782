// SPDX-License-Identifier: MIT
// /v1 as its callers see it: envelopes, what comes before what, bodies, filters, entity tags, CORS.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_KEY, AGENT_KEY, exchange, OK, refusal, startFleet } from './lib/fleet.js';
import { documents, stats } from './lib/fleet-model.js';
import { until } from './lib/process.js';

const LIMIT = 65536;
const JSON_TYPE = { 'content-type': 'application/json' };
const said = ({ status, text }) => `${status} ${text}`;
const rejected = (status, cause) => `${status} ${refusal(cause)}`;
const INVALID = rejected(400, 'VALIDATION');

test('fleet: documents', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { heartbeat: '200ms' });
  const everywhere = async (path, check) => {
    for (const node of fleet.replicas) await check(await fleet.rest('GET', path, undefined, { node }));
  };

  await t.test('of nothing', async () => {
    await everywhere('/v1/stats', ({ status, text, headers }) => {
      assert.equal(`${status} ${text}`, '200 {"status":"OK","data":{"instances":0,"rooms":0,"connections":0,"roomTypes":[],' +
        '"stateHash":"4f53cda18c2baa0c"}}');
      assert.equal(headers.etag, 'W/"4f53cda18c2baa0c"');
      assert.equal(headers['content-type'], 'application/json; charset=utf-8');
      assert.equal(headers['content-length'], String(text.length));
      assert.ok(headers.date);
    });
    for (const path of ['/v1/rooms', '/v1/instances']) {
      await everywhere(path, (answer) => assert.equal(said(answer), '200 {"status":"OK","data":[]}'));
    }
  });

  const room = (id, type, connections = 0, origin = 'local') => ({ id, type, connections, origin });
  const agents = await fleet.join(
    { name: 'eu1', labels: { region: 'eu', tier: 'gold' }, rooms: [room('hall', 'lobby', 3), room('m-1', 'match', 20, 'fleet')] },
    { name: 'us1', labels: { region: 'us', 'a:b': 'c' }, rooms: [room('m-2', 'match')], endpointUrl: 'wss://us1.example.com/ws?x=1' });
  const docs = documents(agents.map((agent) => ({ id: agent.instanceId, snapshot: agent.snapshot() })));
  const allRooms = docs.flatMap((doc) => doc.rooms);
  const [eu, us] = docs;

  await t.test('of two instances, on every node', async () => {
    await everywhere('/v1/stats', ({ json }) => {
      const { stateHash, ...rest } = json.data;
      assert.match(stateHash, /^[0-9a-f]{16}$/);
      assert.deepEqual(rest, stats(docs));
    });
    await everywhere('/v1/instances', ({ json }) =>
      assert.deepEqual(json.data.map(({ lastSyncAt, ...doc }) => doc), docs));
    await everywhere('/v1/rooms', ({ text }) => assert.equal(text, JSON.stringify({ status: 'OK', data: allRooms })));
    await everywhere(`/v1/instances/${us.id}/rooms`, ({ json }) => assert.deepEqual(json.data, us.rooms));
    await everywhere('/v1/rooms/m-1', ({ text }) => assert.equal(text, JSON.stringify({ status: 'OK', data: eu.rooms[1] })));
  });

  const filters = [
    ['?type=match', ({ type }) => type === 'match'],
    ['?type=', () => false],
    ['?type=match&type=lobby', () => true],
    [`?instanceId=${eu.id}`, ({ instanceId }) => instanceId === eu.id],
    ['?instanceId=none', () => false],
    ['?label=region:eu', ({ instanceId }) => instanceId === eu.id],
    ['?label=region:eu&label=tier:gold', ({ instanceId }) => instanceId === eu.id],
    ['?label=region:us&label=tier:gold', () => false],
    ['?label=region:us&label=region:eu', ({ instanceId }) => instanceId === eu.id],
    ['?label=nothing', () => true],
    ['?label=:eu', () => true],
    ['?label=region:', () => false],
    ['?label=region%3Aeu', ({ instanceId }) => instanceId === eu.id],
    ['?type=match&label=region:eu&else=7', ({ id }) => id === 'm-1'],
  ];
  for (const [query, check] of filters) {
    await t.test(`GET /v1/rooms${query}`, async () => {
      const { json, headers } = await fleet.rest('GET', `/v1/rooms${query}`);
      assert.deepEqual(json.data, allRooms.filter(check));
      assert.equal(headers.etag, (await fleet.rest('GET', '/v1/stats')).headers.etag);
    });
  }

  await t.test('entity tags: one for all lists and nodes; 304', async () => {
    const { etag } = (await fleet.rest('GET', '/v1/stats')).headers;
    const strong = etag.slice(2);
    for (const path of ['/v1/stats', '/v1/rooms', '/v1/instances', '/v1/rooms?type=lobby']) {
      for (const [none, want] of [[etag, 304], ['*', 304], [`"x", ${etag}`, 304], [`${etag},"x"`, 304],
        [strong, 200], ['W/"else"', 200], ['', 200]]) {
        await everywhereWith(fleet, path, { 'if-none-match': none }, (answer) => {
          assert.equal(answer.status, want, `${path} ${none}`);
          assert.equal(answer.headers.etag, etag);
          if (want === 304) assert.deepEqual([answer.text, answer.headers['content-length']], ['', undefined]);
        });
      }
    }
    for (const path of [`/v1/instances/${eu.id}`, `/v1/instances/${eu.id}/rooms`, '/v1/rooms/hall']) {
      assert.equal((await fleet.rest('GET', path)).headers.etag, undefined);
    }
    agents[0].find('hall').connections = 4;
    await agents[0].inStep();
    const changed = (await fleet.rest('GET', '/v1/rooms', undefined, { headers: { 'if-none-match': etag } }));
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.etag, etag);
    agents[0].find('hall').connections = 3;
    await agents[0].inStep();
    await everywhereWith(fleet, '/v1/rooms', {}, ({ headers }) => assert.equal(headers.etag, etag));
  });

  await t.test('HEAD is GET without its body', async () => {
    for (const path of ['/v1/stats', '/v1/rooms', '/v1/instances', `/v1/instances/${eu.id}`, '/v1/rooms/hall', '/v1/rooms/none']) {
      const got = await fleet.rest('GET', path);
      const asked = await fleet.rest('HEAD', path);
      assert.deepEqual([asked.status, asked.text, asked.headers.etag], [got.status, '', got.headers.etag], path);
      assert.equal(asked.headers['content-type'], got.headers['content-type']);
    }
    const stream = await fleet.rest('HEAD', '/v1/events');
    assert.equal(stream.status, 200);
    assert.match(stream.headers['content-type'], /^text\/event-stream/);
  });
});

async function everywhereWith(fleet, path, headers, check) {
  for (const node of fleet.replicas) await check(await fleet.rest('GET', path, undefined, { node, headers }));
}

// ---- paths, keys, bodies ----------------------------------------------------------------------------------

const NOT_FOUND = rejected(404, 'NOT_FOUND');
const UNAUTHORIZED = rejected(401, 'UNAUTHORIZED');

// [method, path, answer to somebody without a key]
const PATHS = [
  ['GET', '/v1', NOT_FOUND], ['GET', '/v1/', NOT_FOUND], ['GET', '/v1/else', NOT_FOUND],
  ['GET', '/v1/stats/', NOT_FOUND], ['GET', '/V1/stats', undefined], ['GET', '/v1/Stats', NOT_FOUND],
  ['GET', '/v1//stats', NOT_FOUND], ['POST', '/v1/stats', NOT_FOUND], ['PUT', '/v1/rooms', NOT_FOUND],
  ['DELETE', '/v1/rooms', NOT_FOUND], ['PATCH', '/v1/instances/x', NOT_FOUND], ['POST', '/v1/instances/x', NOT_FOUND],
  ['POST', '/v1/instances/x/else', NOT_FOUND], ['GET', '/v1/instances/x/drain', NOT_FOUND],
  ['OPTIONS', '/v1/rooms', NOT_FOUND], ['POST', '/v1/events', NOT_FOUND],
  ['GET', `/v1/instances/${'x'.repeat(101)}`, NOT_FOUND], ['GET', `/v1/rooms/${'x'.repeat(101)}`, NOT_FOUND],
  ['GET', '/v1/stats', UNAUTHORIZED], ['GET', '/v1/rooms/x', UNAUTHORIZED], ['POST', '/v1/rooms', UNAUTHORIZED],
  ['DELETE', '/v1/rooms/x', UNAUTHORIZED], ['GET', `/v1/instances/${'x'.repeat(100)}`, UNAUTHORIZED],
  ['POST', '/v1/instances/x/drain', UNAUTHORIZED], ['GET', '/v1/events', UNAUTHORIZED],
];

// [method, path, headers, body, answer to somebody with a key]
const BODIES = [
  ['GET', '/v1/instances/none', {}, undefined, rejected(404, 'INSTANCE_NOT_FOUND')],
  ['GET', '/v1/instances/', {}, undefined, rejected(404, 'INSTANCE_NOT_FOUND')],
  ['GET', '/v1/instances/none/rooms', {}, undefined, rejected(404, 'INSTANCE_NOT_FOUND')],
  ['GET', '/v1/rooms/none', {}, undefined, rejected(404, 'ROOM_NOT_FOUND')],
  ['GET', '/v1/rooms/', {}, undefined, rejected(404, 'ROOM_NOT_FOUND')],
  ['DELETE', '/v1/rooms/none', {}, undefined, rejected(404, 'ROOM_NOT_FOUND')],
  ['DELETE', '/v1/rooms/none', JSON_TYPE, '{}', rejected(404, 'ROOM_NOT_FOUND')],
  ['DELETE', '/v1/rooms/none', JSON_TYPE, '', INVALID],
  ['POST', '/v1/instances/none/drain', {}, undefined, rejected(404, 'INSTANCE_NOT_FOUND')],
  ['POST', '/v1/instances/none/undrain', JSON_TYPE, '{}', rejected(404, 'INSTANCE_NOT_FOUND')],
  ['POST', '/v1/instances/none/drain', JSON_TYPE, '', INVALID],
  ['POST', '/v1/instances/none/drain', { 'content-type': 'application/json; charset=utf-8' }, '', INVALID],
  ['POST', '/v1/instances/none/drain', JSON_TYPE, '{', INVALID],
  ['POST', '/v1/rooms', {}, undefined, INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '[]', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '"match"', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, 'null', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match"', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":""}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":null}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":{}}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":["a","b"]}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match","roomId":""}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match","roomId":"a b"}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, `{"type":"match","roomId":"${'x'.repeat(65)}"}`, INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match","placement":7}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match","placement":[]}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match","__proto__":{}}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match","constructor":{"prototype":{}}}', INVALID],
  ['POST', '/v1/rooms', { 'content-type': 'application/xml' }, '<a/>', rejected(415, 'VALIDATION')],
  ['POST', '/v1/rooms', { 'content-type': 'text/plain' }, '{"type":"match"}', INVALID],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match"}', rejected(409, 'NO_CANDIDATE')],
  ['POST', '/v1/rooms', { 'content-type': 'application/json; charset=utf-8' }, '{"type":"match","else":1}', rejected(409, 'NO_CANDIDATE')],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":7}', rejected(409, 'NO_CANDIDATE')],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":true,"roomId":12}', rejected(409, 'NO_CANDIDATE')],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":["match"]}', rejected(409, 'NO_CANDIDATE')],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match"}'.padEnd(LIMIT), rejected(409, 'NO_CANDIDATE')],
  ['POST', '/v1/rooms', JSON_TYPE, '{"type":"match"}'.padEnd(LIMIT + 1), rejected(413, 'PAYLOAD_TOO_LARGE')],
  ['POST', '/v1/rooms', { ...JSON_TYPE, 'transfer-encoding': 'chunked' }, '{"type":"match"}'.padEnd(LIMIT + 1), rejected(413, 'PAYLOAD_TOO_LARGE')],
];

test('fleet: paths, keys and bodies', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { count: 1, balancer: false, args: ['--trust-proxy'] });
  const [node] = fleet.replicas;
  let guest = 0;
  // each from an address of its own, which nothing throttles
  const from = () => ({ 'x-forwarded-for': `10.0.${guest >> 8}.${guest++ & 255}` });

  await t.test('probes', async () => {
    for (const path of ['/healthz', '/readyz']) {
      for (const method of ['GET', 'HEAD']) assert.equal((await exchange(node, method, path)).status, 200);
    }
  });

  for (const [method, path, want] of PATHS) {
    await t.test(`${method} ${path.slice(0, 60)}`, async () => {
      const answer = await exchange(node, method, path, { headers: from() });
      if (want === undefined) assert.equal(answer.status, 404);
      else assert.equal(said(answer), want);
      if (want === NOT_FOUND) {
        const withKey = await exchange(node, method, path, { headers: { ...from(), authorization: `Bearer ${ADMIN_KEY}` } });
        assert.equal(said(withKey), want);
      }
    });
  }

  for (const [method, path, headers, body, want] of BODIES) {
    await t.test(`${method} ${path} ${JSON.stringify(headers)} ${String(body).trim().slice(0, 50)}`, async () => {
      const answer = await fleet.rest(method, path, body, { headers });
      assert.equal(said(answer), want);
      assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
      if (answer.status === 413) assert.equal(answer.headers.connection, 'close');
    });
  }

  await t.test('a bad escape', async () => {
    const answer = await exchange(node, 'GET', '/v1/instances/%zz', { headers: from() });
    assert.equal(answer.status, 400);
  });

  await t.test('the body of a GET is not looked at', async () => {
    assert.equal((await fleet.rest('GET', '/v1/stats', '{', { headers: JSON_TYPE })).status, 200);
  });

  await t.test('a bad key comes before a bad body', async () => {
    const answer = await fleet.rest('POST', '/v1/rooms', ' '.repeat(LIMIT + 1), { key: 'no', headers: { ...JSON_TYPE, ...from() } });
    assert.equal(said(answer), UNAUTHORIZED);
  });

  const credentials = [
    ['nothing', {}, 401], ['an agent key', { authorization: `Bearer ${AGENT_KEY}` }, 401],
    ['an unknown one', { authorization: 'Bearer no' }, 401], ['another scheme', { authorization: `Basic ${ADMIN_KEY}` }, 401],
    ['the scheme in capitals', { authorization: `BEARER ${ADMIN_KEY}` }, 200],
    ['blanks', { authorization: `Bearer   ${ADMIN_KEY}  ` }, 200],
  ];
  for (const [name, headers, want] of credentials) {
    await t.test(`key: ${name}`, async () => {
      const answer = await exchange(node, 'GET', '/v1/stats', { headers: { ...headers, ...from() } });
      assert.equal(answer.status, want, answer.text);
      if (want === 401) assert.equal(said(answer), UNAUTHORIZED);
    });
  }

  await t.test('key: one that the command line has added', async () => {
    const key = await fleet.token('admin', 'operator');
    assert.equal((await fleet.rest('GET', '/v1/stats', undefined, { key })).status, 200);
    await fleet.revoke('admin', 'operator');
    await until('it is refused', async () =>
      (await fleet.rest('GET', '/v1/stats', undefined, { key, headers: from() })).status === 401);
  });

  await t.test('?key= is for streams only, and only when it is wanted', async () => {
    for (const path of ['/v1/stats', '/v1/events']) {
      assert.equal(said(await exchange(node, 'GET', `${path}?key=${ADMIN_KEY}`, { headers: from() })), UNAUTHORIZED);
    }
  });

  await t.test('CORS is off', async () => {
    const answer = await fleet.rest('GET', '/v1/stats', undefined, { headers: { origin: 'https://a.example' } });
    assert.deepEqual([answer.headers.vary, answer.headers['access-control-allow-origin']], [undefined, undefined]);
  });

  await t.test('no key is ever written down', () => {
    assert.doesNotMatch(node.child.output, new RegExp(`${ADMIN_KEY}|${AGENT_KEY}`));
  });
});

test('fleet: what changes something is written down, whatever comes of it', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { count: 1, balancer: false, args: ['--trust-proxy'] });
  const [node] = fleet.replicas;
  const uid = `p_${'0'.repeat(24)}`;
  const long = `${uid}~${'x'.repeat(64)}`;
  const key = 'key#c279dcf9'; // of ADMIN_KEY: the first digits of its hash
  const asked = [
    ['POST', '/v1/rooms', '{"type":"match"}', ADMIN_KEY, `key=${key}`, 409],
    ['POST', '/v1/rooms?x=1', '{"type":"match"}'.padEnd(LIMIT + 1), ADMIN_KEY, `key=${key}`, 413],
    ['DELETE', `/v1/rooms/${long}`, undefined, ADMIN_KEY, `key=${key}`, 404],
    ['DELETE', '/v1/rooms/a%22b"c', undefined, ADMIN_KEY, `key=${key}`, 404],
    ['POST', '/v1/instances/x/drain', undefined, ADMIN_KEY, `key=${key}`, 404],
    ['POST', '/v1/instances/x/undrain', undefined, 'guess', 'key=unknown', 401],
  ];
  const lines = () => node.child.output.split('\n').filter((line) => line.includes(' fleet.audit '))
    .map((line) => line.replace(/^.* fleet\.audit /, '').replace(/ suppressed=\d+$/, ''));
  for (const [method, path, body, bearer, , status] of asked) {
    const headers = { 'x-forwarded-for': '192.0.2.7', ...(body && JSON_TYPE) };
    assert.equal((await fleet.rest(method, path, body, { key: bearer, headers })).status, status);
  }
  const want = asked.map(([method, path, , , who, status]) =>
    `method=${method} path=${path.replace(/\?.*/, '').replace('"', '%22')} ${who} ip=192.0.2.7 outcome=${status}`);
  await until('all lines', () => lines().length >= want.length);
  assert.deepEqual(lines(), want);
  await Promise.all(Array.from({ length: 50 }, () => fleet.rest('DELETE', '/v1/rooms/none')));
  await fleet.rest('GET', '/v1/rooms');
  await until('each of many', () => lines().length === want.length + 50);
  const metrics = await node.metrics();
  assert.equal(metrics['signalbox_fleet_auth_failures_total{audience="admin"}'], 1);
});

test('fleet: who guesses is throttled by all nodes', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { count: 3, balancer: false, args: ['--trust-proxy'] });
  const ask = (ip, key, i) => fleet.rest('GET', '/v1/stats', undefined,
    { key, node: fleet.replicas[i % 3], headers: { 'x-forwarded-for': ip } });
  const got = [];
  for (let i = 0; i < 12; i++) got.push(said(await ask('192.0.2.1', 'guess', i)));
  assert.deepEqual(got, [...Array(10).fill(UNAUTHORIZED), ...Array(2).fill(rejected(429, 'AUTH_THROTTLED'))]);
  for (const i of [0, 1, 2]) {
    assert.equal(said(await ask('192.0.2.1', ADMIN_KEY, i)), rejected(429, 'AUTH_THROTTLED'));
    assert.equal((await ask('192.0.2.2', ADMIN_KEY, i)).status, 200);
  }
  assert.equal(said(await fleet.rest('GET', '/v1/else', undefined, { headers: { 'x-forwarded-for': '192.0.2.1' } })), NOT_FOUND);
  await until('one more guess is free', async () => (await ask('192.0.2.1', ADMIN_KEY, 0)).status === 200, 9000);
});

// ---- CORS --------------------------------------------------------------------------------------------------

const GOOD_ORIGIN = 'https://admin.example';

test('fleet: CORS', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { count: 1, balancer: false, args: ['--fleet-cors', GOOD_ORIGIN, '--sse-query-auth'] });
  const [node] = fleet.replicas;
  const cors = ({ headers }) => [headers.vary, headers['access-control-allow-origin']];

  for (const [name, path, headers, want] of [
    ['listed', '/v1/stats', { origin: GOOD_ORIGIN }, ['Origin', GOOD_ORIGIN]],
    ['not listed', '/v1/stats', { origin: 'https://b.example' }, ['Origin', undefined]],
    ['none', '/v1/stats', {}, ['Origin', undefined]],
    ['listed, of what is not there', '/v1/else', { origin: GOOD_ORIGIN }, ['Origin', GOOD_ORIGIN]],
    ['listed, of an instance that is not there', '/v1/instances/x', { origin: GOOD_ORIGIN }, ['Origin', GOOD_ORIGIN]],
  ]) {
    await t.test(`an origin that is ${name}`, async () => {
      assert.deepEqual(cors(await fleet.rest('GET', path, undefined, { headers })), want);
    });
  }

  await t.test('a refusal has it too', async () => {
    const answer = await exchange(node, 'GET', '/v1/stats', { headers: { origin: GOOD_ORIGIN } });
    assert.deepEqual([answer.status, ...cors(answer)], [401, 'Origin', GOOD_ORIGIN]);
  });

  await t.test('preflight', async () => {
    const ask = (origin) => exchange(node, 'OPTIONS', '/v1/rooms', { headers: {
      ...(origin && { origin }), 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type' } });
    const { status, headers, text } = await ask(GOOD_ORIGIN);
    assert.deepEqual([status, text, headers['content-length'] ?? '0'], [204, '', '0']);
    assert.match(headers['access-control-allow-methods'], /^GET, ?HEAD, ?POST/);
    assert.equal(headers['access-control-allow-headers'], 'authorization, content-type');
    assert.equal(headers['access-control-allow-origin'], GOOD_ORIGIN);
    assert.equal(headers.vary, 'Origin, Access-Control-Request-Headers');
    assert.equal((await ask('https://b.example')).headers['access-control-allow-origin'], undefined);
    const invalid = await ask();
    assert.deepEqual([invalid.status, invalid.text.trim()], [400, 'Invalid Preflight Request']);
  });

  await t.test('a stream, with the key in its address', async () => {
    const stream = await fleet.events(node, { query: `?key=${ADMIN_KEY}`, key: null, headers: { origin: GOOD_ORIGIN } });
    assert.deepEqual([stream.status, stream.headers['access-control-allow-origin']], [200, GOOD_ORIGIN]);
    const twice = await fleet.events(node, { query: `?key=${ADMIN_KEY}&key=${ADMIN_KEY}`, key: null });
    assert.equal(twice.status, 401);
    const headerIsWrong = await fleet.events(node, { query: `?key=${ADMIN_KEY}`, key: 'wrong' });
    assert.equal(headerIsWrong.status, 200);
    assert.equal((await exchange(node, 'GET', `/v1/stats?key=${ADMIN_KEY}`)).status, 401);
  });
});

test('fleet: CORS for all', { timeout: 60000 }, async (t) => {
  const fleet = await startFleet(t, { count: 1, balancer: false, args: ['--fleet-cors', '*'] });
  for (const headers of [{ origin: 'https://b.example' }, {}]) {
    const answer = await fleet.rest('GET', '/v1/stats', undefined, { headers });
    assert.deepEqual([answer.headers.vary, answer.headers['access-control-allow-origin']], [undefined, '*']);
  }
});
