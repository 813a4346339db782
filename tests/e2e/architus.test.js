// SPDX-License-Identifier: MIT
// The web dashboard of a Discord bot: pools of guilds, spectating and logs, with the client line that it uses.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createConnection } from 'node:net';
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

  await t.test('a nonce in the address is good once, on two replicas', async (inner) => {
    await api('POST', '/api/v1/nonces', { nonce: 4294967295, token: login() });
    const clients = await Promise.all(cluster.replicas.slice(0, 2).map(({ url: at }) => JsClient.open(inner, 2, at, { query: { nonce: '4294967295' } })));
    clients.forEach((client) => client.emit('pool_request', { type: 'member', guildId: G, _id: 5, ids: [ME] }));
    const firsts = await Promise.all(clients.map((client) => client.next()));
    assert.deepEqual(firsts.map(([name, body]) => body.code ?? name).sort(), [401, 'pool_response']);
    clients.forEach((client) => client.close());
  });

  await t.test('ids beyond what a browser can count', async (inner) => {
    const client = await open(inner, login());
    const answer = await fetch(`${url}/api/v1/guilds/${G}/pools/role`, {
      method: 'PATCH', headers: { authorization: `Bearer ${server}`, 'content-type': 'application/json' },
      body: `{"put":[{"id":607637793107345440,"name":"all","members":[${ME},${YOU}],"position":3}]}`,
    });
    assert.equal(answer.status, 204);
    const got = await request(client, 'pool_request', { type: 'role', guildId: G, ids: ['607637793107345440'] });
    assert.deepEqual(got.data, [{ id: '607637793107345440', name: 'all', members: [ME, YOU], position: 3 }]);
    client.close();
  });

  await t.test('a thousand ids, in their order', async (inner) => {
    const client = await open(inner, login());
    const ids = Array.from({ length: 1000 }, (_, i) => `${200000000000000000n + BigInt(i * 10)}`);
    const got = await request(client, 'pool_request', { type: 'member', guildId: '607637793107300001', ids });
    assert.deepEqual([got.data.map(({ id }) => id), got.nonexistant], [ids.slice(1), ids.slice(0, 1)]);
    client.close();
  });

  await t.test('whoever does not read is not read for', async () => {
    const at = `${cluster.replicas[0].url}/socket.io/?EIO=3&transport=polling`;
    const cookie = `token=${login()}`;
    const opened = await (await fetch(at, { headers: { cookie } })).text();
    const sid = /"sid":"([^"]+)"/.exec(opened)[1];
    const say = (text) => fetch(`${at}&sid=${sid}`, { method: 'POST', headers: { cookie, 'content-type': 'text/plain;charset=UTF-8' }, body: `${[...text].length}:${text}` });
    const pages = async () => (await cluster.replicas[0].metrics())['signalbox_store_operations_total{operation="pool_read",result="ok"}'] ?? 0;
    const atFirst = await pages();
    await say('42["pool_all_request",{"type":"member","guildId":"607637793107300001","_id":77}]');
    await until('it has begun', async () => (await pages()) > atFirst);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = await pages();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await pages(), before, 'it waits for the client');
    assert.ok(before - atFirst < 10, `${before - atFirst} pages`);
    const answers = [];
    while (!answers.some(({ finished }) => finished)) {
      const text = await (await fetch(`${at}&sid=${sid}`, { headers: { cookie } })).text();
      for (let rest = [...text]; rest.length > 0;) {
        const colon = rest.indexOf(':');
        const length = Number(rest.slice(0, colon).join(''));
        const packet = rest.slice(colon + 1, colon + 1 + length).join('');
        rest = rest.slice(colon + 1 + length);
        if (packet.startsWith('42["pool_response"')) answers.push(JSON.parse(packet.slice(2))[1]);
      }
    }
    assert.equal(answers.findIndex(({ finished }) => finished), answers.length - 1, 'the last one says so');
    assert.equal(new Set(answers.flatMap(({ data }) => data.map(({ id }) => id))).size, 10_000);
    await say('1');
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

  const heard = (client, what) => client.events.filter(([name, body]) => name === 'log_pool' && body.data === what).length;

  await t.test('published on one replica, heard by polling on another', async (inner) => {
    const client = await JsClient.open(inner, 2, cluster.replicas[1].url,
      { transports: ['polling'], transportOptions: { polling: { extraHeaders: { cookie: `token=${login()}` } } } });
    await client.ask('spectate', G);
    for (let i = 0; i < 20; i++) {
      const sent = await http('POST', `${cluster.replicas[0].url}/api/v1/guilds/${G}/events`,
        { headers: { authorization: `Bearer ${server}`, 'content-type': 'application/json' }, body: event({ data: `p${i}` }) });
      assert.equal(sent.status, 202);
    }
    await until('the last one', () => heard(client, 'p19'));
    assert.deepEqual(client.events.filter(([name]) => name === 'log_pool').map(([, { data }]) => data), Array.from({ length: 20 }, (_, i) => `p${i}`));
    client.close();
  });

  await t.test('an update is the same for who watches and who asks later', async (inner) => {
    const client = await open(inner, login());
    await client.ask('spectate', { guild_id: G });
    const entity = { id: '711543547145097377', trigger: 'ho', responseTokens: [['plain', 'é']] };
    await api('POST', `/api/v1/guilds/${G}/events`, { id: `${869315472384132768n + BigInt(number += 2)}`, pool: { type: 'autoResponse', op: 'update', id: entity.id, entity } });
    await until('the change', () => client.count('log_pool') > 0);
    const [told] = client.events.find(([name]) => name === 'log_pool').slice(1);
    const { data: [kept] } = await request(client, 'pool_request', { type: 'autoResponse', guildId: G, ids: [entity.id] });
    assert.deepEqual([told.pool.entity, JSON.stringify(kept)], [entity, JSON.stringify(entity)]);
    client.close();
  });

  await t.test('rights that go while watching', async (inner) => {
    const rights = (more) => api('PUT', `/api/v1/guilds/${G}/permissions`, { owner: '1000000000000001', '@everyone': 0x112, ...more });
    await rights({ [ME]: 0x4 });
    const client = await open(inner, login());
    await client.ask('spectate', G);
    const tell = (data, isPrivate) => api('POST', `/api/v1/guilds/${G}/events`, event({ private: isPrivate, data }));
    await tell('mine', true);
    await until('a private one', () => heard(client, 'mine'));
    await rights({});
    let count = 0;
    await until('no private one any more', async () => {
      await tell(`secret ${++count}`, true);
      await tell(`open ${count}`, false);
      await until('the public one', () => heard(client, `open ${count}`));
      return !heard(client, `secret ${count}`);
    });
    await api('PATCH', `/api/v1/guilds/${G}/pools/member`, { remove: [ME] });
    await until('it is told', () => client.events.some(([name, body]) => name === 'error' && body.message === 'not a member'));
    const from = client.events.length;
    await tell('gone', false);
    const refused = await request(client, 'pool_request', { type: 'member', guildId: G, ids: [YOU] });
    assert.deepEqual([refused.data, refused.errors[0].code, heard(client, 'gone')], [[], 401, 0], JSON.stringify(client.events.slice(from)));
    await api('PATCH', `/api/v1/guilds/${G}/pools/member`, { put: [member(ME, 'johnyburd')] });
    client.close();
  });

  await t.test('signing out ends what was asked for, and watching', async (inner) => {
    const token = login(ME, { issued: Date.now() - 5000 });
    const client = await open(inner, token);
    await client.ask('spectate', G);
    back = () => ({ sc: 500, resp: {} });
    client.emit('pool_all_request', { type: 'channel', guildId: G, _id: 701 });
    await until('an error', () => client.events.some(([name, body]) => name === 'error' && body._id === 701));
    await api('POST', '/api/v1/demote', { token });
    await until('it is over', () => client.events.some(([name, body]) => name === 'error' && body._id === 701 && body.code === 401));
    client.emit('pool_request', { type: 'member', guildId: G, _id: 703, ids: [ME] });
    await until('not elevated', () => client.events.some(([name, body]) => name === 'error' && body._id === 703 && body.code === 401));
    await api('POST', `/api/v1/guilds/${G}/events`, event({ data: 'after' }));
    assert.equal(heard(client, 'after'), 0);
    client.close();
  });

  await t.test('replicas are killed while somebody watches', async (inner) => {
    const client = await open(inner, login(), { transports: ['polling'] });
    await client.ask('spectate', G);
    client.socket.on('connect', () => client.emit('spectate', G));
    for (const replica of cluster.replicas) {
      await replica.kill();
      await replica.launch();
    }
    await until('it is back', () => client.connects > 1 && client.socket.connected, 60000);
    let count = 0;
    await until('it hears again', async () => {
      await api('POST', `/api/v1/guilds/${G}/events`, event({ data: `k${++count}` })).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 100));
      return heard(client, `k${count}`);
    }, 30000);
    client.close();
  });

  await t.test('an event that does not say clearly whether it is private, or what it changes, is refused', async () => {
    const answer = await http('POST', `${url}/api/v1/guilds/${G}/events`,
      { headers: { authorization: `Bearer ${server}`, 'content-type': 'application/json' }, body: event({ private: 'true' }) });
    assert.equal(answer.status, 400);
    const other = await http('POST', `${url}/api/v1/guilds/${G}/events`, { headers: { authorization: `Bearer ${server}`, 'content-type': 'application/json' },
      body: event({ pool: { type: 'role', op: 'add', id: '607637793107345440', entity: { id: '607637793107345441' } } }) });
    assert.deepEqual([other.status, other.json.error], [400, 'pool.entity.id: must be pool.id']);
  });

  await t.test('the demo, over the rate', async (inner) => {
    back = ({ kwargs }) => ({ sc: 200, resp: { guildId: kwargs.guildId, actions: [] } });
    const client = await open(inner);
    for (let i = 0; i < 8; i++) client.emit('mock_user_event', { action: 3001, guildId: 1234567, messageId: i * 2, content: 'x' });
    await until('all are answered', () => client.events.length >= 8);
    assert.ok(client.events.some(([name, body]) => name === 'error' && body.code === 429));
    client.emit('mock_user_event', { action: 3001, guildId: 12345678, messageId: 2, content: 'x' });
    await until('too large a number', () => client.events.some(([name, body]) => name === 'error' && body.code === 400));
    client.close();
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

/** A bot's shard that takes its questions from lists, over Redis' UNIX socket. */
async function startShard(t, socketPath, queues, answer) {
  const connect = () => new Promise((resolve, reject) => {
    const socket = createConnection(socketPath, () => resolve(socket));
    socket.on('error', reject);
    t.after(() => socket.destroy());
  });
  const [taking, giving] = [await connect(), await connect()];
  giving.resume();
  const send = (socket, ...words) => socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
  const shard = { asked: [] };
  let bytes = Buffer.alloc(0);
  /** *2 $<n> list $<n> question */
  const takeReply = () => {
    const words = [];
    let at = bytes.indexOf('\r\n') + 2;
    while (at > 1 && words.length < 2) {
      const end = bytes.indexOf('\r\n', at);
      const length = Number(bytes.toString('latin1', at + 1, end));
      if (end < 0 || bytes.length < end + 4 + length) return undefined;
      words.push(bytes.toString('utf8', end + 2, end + 2 + length));
      at = end + 4 + length;
    }
    if (words.length < 2) return undefined;
    bytes = bytes.subarray(at);
    return words[1];
  };
  taking.on('data', async (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    const text = takeReply();
    if (text === undefined) return;
    const question = JSON.parse(text);
    shard.asked.push(question);
    send(taking, 'BLPOP', ...queues, '0');
    const said = await answer(question);
    if (said === undefined || Date.now() > question.deadline) return;
    send(giving, 'RPUSH', question.reply, typeof said === 'string' ? said : JSON.stringify({ id: question.id, ...said }));
    send(giving, 'PEXPIRE', question.reply, '10000');
  });
  send(taking, 'BLPOP', ...queues, '0');
  return shard;
}

test('architus, asking on lists', async (t) => {
  const cluster = await startCluster(t, { count: 2, args: ['--jwt-secret', SECRET, '--shards', '2', '--auth-failures', '0'] });
  const shardOf = (guild) => Number((BigInt(guild) >> 22n) % 2n);
  let back;
  const shard = await startShard(t, cluster.redis.socket, ['sb:{rpc:default:0}:q', 'sb:{rpc:default:1}:q'], (question) => back(question));
  const open = (inner, replica = 0) => JsClient.open(inner, 2, cluster.replicas[replica].url, { transports: ['websocket'], extraHeaders: { cookie: `token=${login()}` } });
  const answersTo = (client, _id) => client.events.filter(([name, body]) => name === 'pool_response' && body._id === _id).map(([, body]) => body);
  const ended = (client, _id, ms) => until(`the end of ${_id}`, () => answersTo(client, _id).some(({ finished }) => finished), ms);

  await t.test('what is missing, of the shard of the guild', async (inner) => {
    back = ({ method, args }) => (method === 'is_member' ? { sc: 200, resp: { member: true, admin: false, permissions: 0 } }
      : { sc: 200, resp: { data: [{ id: args[3][0], name: 'kek' }], nonexistant: args[3].slice(1) } });
    const client = await open(inner);
    client.emit('pool_request', { type: 'customEmoji', guildId: G, ids: ['711543547145097377', '1111111111111'], _id: 3 });
    await ended(client, 3);
    assert.deepEqual(answersTo(client, 3), [{ _id: 3, finished: true, nonexistant: ['1111111111111'], data: [{ id: '711543547145097377', name: 'kek' }] }]);
    assert.deepEqual(shard.asked.map(({ method }) => method), ['is_member', 'pool_request']);
    for (const question of shard.asked) {
      assert.equal(question.shard, shardOf(G));
      assert.equal(question.guild_id, G);
      assert.match(question.reply, /^sb:\{inbox:default:[^}]+\}:rpc$/);
    }
    client.close();
  });

  await t.test('a shard that says nonsense, or nothing', async (inner) => {
    const client = await open(inner);
    const rows = [[5, ({ id }) => JSON.stringify({ id, sc: 'x' }), 502], [7, () => ({ sc: 200, resp: 7 }), 502], [9, () => undefined, 504]];
    for (const [_id, said, code] of rows) {
      back = said;
      client.emit('pool_request', { type: 'customEmoji', guildId: G, ids: [`22222222${_id}`], _id });
      await ended(client, _id);
      assert.deepEqual(answersTo(client, _id), [{ _id, finished: true, nonexistant: [], data: [] }]);
      assert.deepEqual(client.events.filter(([name, body]) => name === 'error' && body._id === _id).map(([, body]) => body.code), [code]);
    }
    client.close();
  });

  await t.test('a whole pool is never finished falsely, and asked for again', async (inner) => {
    const client = await open(inner);
    back = () => ({ sc: 200, resp: 7 });
    client.emit('pool_all_request', { type: 'role', guildId: G, _id: 11 });
    await until('one error', () => client.events.some(([name, body]) => name === 'error' && body._id === 11 && body.code === 502));
    assert.deepEqual(answersTo(client, 11), []);
    back = () => ({ sc: 200, resp: { data: [{ id: '607637793107345440', name: 'all', members: [] }] } });
    await ended(client, 11, 15000);
    assert.deepEqual(answersTo(client, 11), [{ _id: 11, finished: true, nonexistant: [], data: [{ id: '607637793107345440', name: 'all', members: [] }] }]);
    assert.equal(client.events.filter(([name, body]) => name === 'error' && body._id === 11).length, 1);
    client.close();
  });

  await t.test('guilds: every shard, and Discord', async (inner) => {
    back = ({ method, shard: number }) => (method === 'discord_guilds'
      ? { sc: 200, resp: [{ id: '3333333333333', name: 'c', owner: true, permissions: '2147483647' }, { id: G, name: 'a' }] }
      : { sc: 200, resp: [{ id: number === shardOf(G) ? G : '2222222222222', name: 'a', owner_id: ME, permissions: 8, features: [], architus_admin: true }] });
    const client = await open(inner, 1);
    client.emit('pool_all_request', { type: 'guild', _id: 13 });
    await ended(client, 13);
    const guilds = answersTo(client, 13).flatMap(({ data }) => data);
    assert.deepEqual(guilds.map(({ id, has_architus, architus_admin, owner, permissions }) => [id, has_architus, architus_admin, owner, permissions]).sort(), [
      ['2222222222222', true, true, true, 8], ['3333333333333', false, false, true, 2147483647], [G, true, true, true, 8],
    ]);
    client.close();
  });
});
