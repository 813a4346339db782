// SPDX-License-Identifier: MIT
// The web dashboard of a Discord bot: pools of guilds, spectating and logs, with the client line that it uses.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { http } from './lib/clients.js';
import { secretToken } from './lib/jwt.js';
import { until } from './lib/process.js';
import { startCluster } from './lib/signalbox.js';
import { JsClient, startBackEnd } from './lib/socketio.js';

const SECRET = 'architus-test-secret';
/* issued long ago: by now it has expired */
const VECTOR = 'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJhY2Nlc3NfdG9rZW4iOiJBVCIsInJlZnJlc2hfdG9rZW4iOiJSVCIsImV4cGlyZXNfaW4iOjYwNDgwMCwiaXNzdWVkX2F0IjoiMjAyNi0wMS0wMlQwMzowNDowNS42Nzg5MDEiLCJpZCI6MjE0MDM3MTM0NDc3MjMwMDgwLCJwZXJtaXNzaW9ucyI6Mjc0fQ.U1n3Hp8DuFF-eS5QwyQNfgkPhC0sp83fctYQ7TNYc00';
const G = '607637793107345431';
const OTHER = '607637793107345999';
const ME = '214037134477230080';
const YOU = '109462069484486656';

const naive = (ms) => new Date(ms).toISOString().replace(/(\.\d+)Z$/, '$1000');

/** As the bot's API makes it: the id as an integer that no double can hold. */
function login(id = ME, { issued = Date.now(), secret = SECRET } = {}) {
  const claims = JSON.stringify({ access_token: 'AT', refresh_token: 'RT', expires_in: 604800, issued_at: naive(issued), id: 0, permissions: 274 })
    .replace('"id":0', `"id":${id}`);
  return tokenOfText(claims, secret);
}

function tokenOfText(text, secret) {
  const [header] = secretToken(secret, {}).split('.');
  const body = `${header}.${Buffer.from(text).toString('base64url')}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

const member = (id, name, more = {}) => ({
  id, name, nick: null, avatar: null, discriminator: '0001', roles: [], color: '#000000', joined_at: '2019-08-04T17:00:00.123000', ...more,
});

test('architus', async (t) => {
  const asked = [];
  let back = () => ({ sc: 404, resp: { message: 'No such method' } });
  const backEnd = await startBackEnd(t, (body) => {
    asked.push(body);
    return back(body);
  });
  const cluster = await startCluster(t, {
    count: 3, balancer: 'random(1)', args: ['--jwt-secret', SECRET, '--architus-hook', backEnd.url, '--auth-failures', '0'],
  });
  const { url } = cluster.balancer;
  const server = await cluster.token('server', 'bot');
  const api = async (method, path, body) => {
    const answer = await http(method, url + path, { headers: { authorization: `Bearer ${server}`, 'content-type': 'application/json' }, body });
    assert.ok(answer.status >= 200 && answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  };
  const open = (inner, token, options = {}) => JsClient.open(inner, 2, url,
    token ? { transportOptions: { polling: { extraHeaders: { cookie: `token=${token}` } } }, ...options } : options);
  let number = 1;
  const nextId = () => (number += 2);
  /** One request: its answers up to the last, and its errors. */
  const request = async (client, event, body) => {
    const _id = nextId();
    const from = client.events.length;
    client.emit(event, { ...body, _id });
    const mine = () => client.events.slice(from).filter(([, one]) => one?._id === _id);
    await until(`the end of ${event} ${JSON.stringify(body).slice(0, 100)}: ${JSON.stringify(client.events.slice(from)).slice(0, 300)}`,
      () => mine().some(([name, one]) => name === 'pool_response' && one.finished));
    const answers = mine().filter(([name]) => name === 'pool_response').map(([, one]) => one);
    assert.equal(answers.filter(({ finished }) => finished).length, 1);
    assert.equal(answers.at(-1).finished, true);
    return {
      answers, data: answers.flatMap(({ data }) => data), nonexistant: answers.at(-1).nonexistant,
      errors: mine().filter(([name]) => name === 'error').map(([, one]) => one),
    };
  };

  await api('PUT', `/api/v1/guilds/${G}/pools/member?full=1`, [
    member(ME, 'johnyburd', { roles: ['607637793107345440'] }), member(YOU, 'jörg', { nick: 'the John' }), member('711543547145097377', 'Zoë'),
  ]);
  await api('PUT', `/api/v1/guilds/${OTHER}/pools/member?full=1`, [member(YOU, 'jörg')]);
  await api('PUT', `/api/v1/guilds/${G}/permissions`, { owner: '1000000000000001', '@everyone': 0x112 }).catch(() => {});

  await t.test('before elevation: an error, and nothing else', async (inner) => {
    const client = await open(inner);
    client.emit('pool_request', { type: 'member', guildId: G, _id: 5, ids: [ME] });
    const [name, error] = await client.next();
    assert.deepEqual([name, error.code, error.message, error.human, error.details],
      ['error', 401, 'not authenticated', 'There was an error authenticating your request.', 'session did not contain jwt']);
    client.close();
  });

  await t.test('tokens that elevate nobody', async (inner) => {
    const rows = {
      'another secret': login(ME, { secret: 'other' }), 'long expired': login(ME, { issued: Date.now() - 30 * 86400e3 }),
      'alg none': `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${login().split('.')[1]}.`, nonsense: 'hello',
      'of the documents': VECTOR,
    };
    for (const [name, token] of Object.entries(rows)) {
      const client = await open(inner, token);
      client.emit('pool_request', { type: 'member', guildId: G, _id: 5, ids: [ME] });
      assert.equal((await client.next())[1].code, 401, name);
      client.close();
    }
  });

  await t.test('what is stored is answered at once', async (inner) => {
    const client = await open(inner, login());
    const got = await request(client, 'pool_request', { type: 'member', guildId: G, ids: [ME, YOU] });
    assert.deepEqual([got.answers.length, got.nonexistant, got.errors], [1, [], []]);
    assert.deepEqual(got.data.map(({ id }) => id).sort(), [YOU, ME].sort());
    assert.deepEqual(got.data.find(({ id }) => id === YOU), member(YOU, 'jörg', { nick: 'the John' }));
    const unknown = await request(client, 'pool_request', { type: 'member', guildId: G, ids: [ME, '1111111111111'] });
    assert.deepEqual([unknown.data.length, unknown.nonexistant], [1, ['1111111111111']]);
    client.close();
  });

  await t.test('somebody else\'s guild', async (inner) => {
    const client = await open(inner, login());
    const got = await request(client, 'pool_request', { type: 'member', guildId: OTHER, ids: [YOU] });
    assert.deepEqual([got.data, got.errors.length, got.errors[0].code, got.errors[0].message], [[], 1, 401, 'not a member']);
    client.close();
  });

  await t.test('what is missing is asked of the back end, once for all who ask', async (inner) => {
    const clients = await Promise.all([1, 2, 3].map(() => open(inner, login(), { transports: ['websocket'], extraHeaders: { cookie: `token=${login()}` } })));
    back = async ({ method, args, kwargs }) => {
      assert.deepEqual([method, args[1], args[2]], ['pool_request', G, 'customEmoji']);
      assert.equal(kwargs.fetch, true);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { sc: 200, resp: { data: [{ id: '711543547145097377', name: 'kek', authorId: ME, discordId: null, numUses: 3, priority: 1.5, url: 'https://x' }], nonexistant: ['1111111111111'] } };
    };
    const before = asked.length;
    const got = await Promise.all(clients.map((client) =>
      request(client, 'pool_request', { type: 'customEmoji', guildId: G, ids: ['711543547145097377', '1111111111111'] })));
    for (const { data, nonexistant } of got) assert.deepEqual([data.map(({ name }) => name), nonexistant], [['kek'], ['1111111111111']]);
    assert.ok(asked.length - before <= cluster.replicas.length, `${asked.length - before} calls`);
    const again = asked.length;
    await request(clients[0], 'pool_request', { type: 'customEmoji', guildId: G, ids: ['711543547145097377', '1111111111111'] });
    assert.equal(asked.length, again, 'found and not found are remembered');
    clients.forEach((client) => client.close());
  });

  await t.test('a back end that fails, and one that is slow', async (inner) => {
    const client = await open(inner, login());
    back = () => ({ sc: 500, resp: { message: "'boom'" } });
    const failed = await request(client, 'pool_request', { type: 'customEmoji', guildId: G, ids: ['222222222222'] });
    assert.deepEqual([failed.data, failed.nonexistant, failed.errors.map(({ code }) => code)], [[], [], [500]]);
    back = () => new Promise((resolve) => setTimeout(resolve, 6000, { sc: 200, resp: { data: [] } }));
    const late = await request(client, 'pool_request', { type: 'customEmoji', guildId: G, ids: ['333333333333'] });
    assert.deepEqual([late.data, late.nonexistant, late.errors.map(({ code }) => code)], [[], [], [504]]);
    client.close();
  });

  await t.test('requests that make no sense', async (inner) => {
    const client = await open(inner, login());
    for (const body of [{ type: 'member', guildId: G }, { type: 'member', guildId: G, ids: [] }, { type: 'nope', guildId: G, ids: [ME] },
      { type: 'member', ids: [ME] }, { type: 'member', guildId: 'x', ids: [ME] }, { type: 'member', guildId: G, ids: Array.from({ length: 1001 }, (_, i) => `${1000000000 + i}`) }]) {
      const from = client.events.length;
      const _id = nextId();
      client.emit('pool_request', { ...body, _id });
      await until(`an error for ${JSON.stringify(body).slice(0, 80)}`, () =>
        client.events.slice(from).some(([name, one]) => name === 'error' && one._id === _id && one.code === 400));
    }
    client.close();
  });

  for (const transports of [['websocket'], ['polling']]) {
    await t.test(`ten thousand members, in pages, ${transports}`, async (inner) => {
      const big = transports[0] === 'polling' ? '607637793107300001' : '607637793107300002';
      const members = Array.from({ length: 10_000 }, (_, i) => member(i === 0 ? ME : `${200000000000000000n + BigInt(i)}`, `m${i}`));
      for (let i = 0; i < members.length; i += 1000) {
        await api('PATCH', `/api/v1/guilds/${big}/pools/member`, { put: members.slice(i, i + 1000), remove: [] });
      }
      await api('PATCH', `/api/v1/guilds/${big}/pools/member`, { put: [], remove: [], full: true });
      const client = await open(inner, login(), transports[0] === 'websocket'
        ? { transports, extraHeaders: { cookie: `token=${login()}` } } : { transports });
      const got = await request(client, 'pool_all_request', { type: 'member', guildId: big });
      assert.equal(got.data.length, 10_000);
      assert.equal(new Set(got.data.map(({ id }) => id)).size, 10_000);
      assert.ok(got.answers.length >= 20 && got.answers.every(({ data }) => data.length <= 500));
      client.close();
    });
  }

  await t.test('a search for members', async (inner) => {
    const client = await open(inner, login());
    for (const [query, names] of [['jo', ['johnyburd', 'jörg']], ['JORG', ['jörg']], ['zoe', ['Zoë']], ['john', ['johnyburd', 'jörg']], ['x', []]]) {
      const got = await request(client, 'pool_search', { type: 'member', guildId: G, query, limit: 25 });
      assert.deepEqual(got.data.map(({ name }) => name).sort(), [...names].sort(), query);
    }
    client.close();
  });

  await t.test('a nonce elevates once, on whatever replica', async (inner) => {
    await api('POST', '/api/v1/nonces', { nonce: 2882343476, token: login() });
    const client = await open(inner);
    client.emit('request_elevation', 2882343476);
    assert.deepEqual(await client.next(), ['elevation_return', { message: 'success' }]);
    assert.equal((await request(client, 'pool_request', { type: 'member', guildId: G, ids: [ME] })).data.length, 1);
    const second = await open(inner);
    second.emit('request_elevation', 2882343476);
    assert.deepEqual(await second.next(), ['elevation_return', { message: 'Missing or invalid jwt' }]);
    await api('POST', '/api/v1/nonces', { nonce: 7, token: login() });
    const third = await JsClient.open(inner, 2, url, { query: { nonce: '7' } });
    assert.equal((await request(third, 'pool_request', { type: 'member', guildId: G, ids: [ME] })).data.length, 1);
    [client, second, third].forEach((one) => one.close());
  });

  const event = (more = {}) => ({ id: `${869315472384032768n + BigInt(number += 2)}`, action_number: 3200, private: false, reversible: true,
    agent_id: ME, subject_id: '711543547145097377', data: { a: 1 }, ...more });

  await t.test('spectating: logs, and the pools that they change', async (inner) => {
    const client = await open(inner, login(), { transports: ['polling'] });
    await client.ask('spectate', G);
    const entry = event({ pool: { type: 'autoResponse', op: 'add', id: '711543547145097377', entity: { id: '711543547145097377', trigger: 'hi' } } });
    const sent = await api('POST', `/api/v1/guilds/${G}/events`, entry);
    assert.equal(sent.json.results.length, 1);
    const told = () => client.events.filter(([name, body]) => name === 'log_pool' && body.id === entry.id).length;
    await until('the change, and the log', () => told() === 2);
    const log = client.events.find(([name, body]) => name === 'log_pool' && body.action_number === 3200)[1];
    assert.deepEqual([log.id, log.guild_id, log.subject_id, log.data], [entry.id, G, '711543547145097377', { a: 1 }]);
    const pool = await request(client, 'pool_request', { type: 'autoResponse', guildId: G, ids: ['711543547145097377'] });
    assert.deepEqual(pool.data, [{ id: '711543547145097377', trigger: 'hi' }]);
    await api('POST', `/api/v1/guilds/${G}/events`, entry);
    await api('POST', `/api/v1/guilds/${G}/events`, event({ data: 'last' }));
    await until('the next log', () => client.events.some(([name, body]) => name === 'log_pool' && body.data === 'last'));
    assert.equal(told(), 2, 'a repetition is told once');
    client.close();
  });

  await t.test('one guild at a time', async (inner) => {
    await api('PUT', '/api/v1/guilds/607637793107345777/pools/member?full=1', [member(ME, 'johnyburd')]);
    const client = await open(inner, login());
    await client.ask('spectate', G);
    await client.ask('spectate', { guild_id: '607637793107345777', include_logs: true });
    await api('POST', `/api/v1/guilds/${G}/events`, event());
    await api('POST', '/api/v1/guilds/607637793107345777/events', event());
    await until('a log', () => client.count('log_pool') > 0);
    assert.ok(client.events.filter(([name]) => name === 'log_pool').every(([, body]) => body.guild_id === '607637793107345777'));
    await client.ask('spectate', null);
    client.close();
  });

  await t.test('private entries need the right to see them', async (inner) => {
    await api('PUT', `/api/v1/guilds/${G}/permissions`, { owner: '1000000000000001', '@everyone': 0x112, [YOU]: 0x4 });
    const [me, you] = await Promise.all([open(inner, login()), open(inner, login(YOU))]);
    await Promise.all([me, you].map((client) => client.ask('spectate', { guild_id: G, include_logs: true })));
    await api('POST', `/api/v1/guilds/${G}/events`, event({ private: true, data: 'secret' }));
    await api('POST', `/api/v1/guilds/${G}/events`, event({ data: 'open' }));
    for (const client of [me, you]) await until('the open one', () => client.events.some(([, body]) => body?.data === 'open'));
    assert.equal(you.events.filter(([, body]) => body?.data === 'secret').length, 1);
    assert.equal(me.events.filter(([, body]) => body?.data === 'secret').length, 0);
    [me, you].forEach((client) => client.close());
  });

  await t.test('the demo on the front page', async (inner) => {
    back = ({ method, kwargs }) => {
      assert.equal(method, 'handle_mock_user_action');
      return { sc: 200, resp: { guildId: kwargs.guildId, actions: [{ action: 3001, messageId: 9876543, content: 'hello' }] } };
    };
    const client = await open(inner);
    client.emit('mock_user_event', { action: 3001, guildId: 1234567, messageId: 2, content: '!set hi::hello', silent: false, allowedCommands: ['set'] });
    assert.deepEqual(await client.next(), ['mock_bot_event', { guildId: 1234567, actions: [{ action: 3001, messageId: 9876543, content: 'hello' }] }]);
    client.close();
  });
});
