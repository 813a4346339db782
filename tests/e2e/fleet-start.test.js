// SPDX-License-Identifier: MIT
// Keys and options of a fleet under the names of rivalis-fleet too, and what production refuses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Agent, SENTINEL } from './lib/fleet-agent.js';
import { ADMIN_KEY, AGENT_KEY, exchange, refusal, rest } from './lib/fleet.js';
import { Child, freePort, tempFolder, until } from './lib/process.js';
import { BINARY, startCluster } from './lib/signalbox.js';

const OTHER_AGENT_KEY = 'another-agent-key-0123456789abcdef';
const OTHER_ADMIN_KEY = 'another-admin-key-0123456789abcdef';

/** What a node of its own answers to one agent and one caller. */
async function startOne(t, { args = [], env = {} }) {
  const cluster = await startCluster(t, { count: 1, args, env });
  const [node] = cluster.replicas;
  return {
    node,
    async admits(key) {
      const agent = new Agent(`${node.wsUrl}/`, key, { retries: false });
      await until('hello or the end', () => agent.hellos.length + agent.closes.length > 0);
      agent.stop();
      return agent.hellos[0] ?? agent.closes[0].code;
    },
    status: async (key) => (await rest(node, 'GET', '/v1/stats', undefined, { key })).status,
  };
}

/** A start that must fail: its exit code and all that it said. */
async function refusedStart(t, args, env = {}) {
  const child = new Child(BINARY, ['serve', '--addr', `127.0.0.1:${await freePort()}`, '--data', tempFolder(), ...args],
    { env: { ...process.env, ...env } });
  t.after(() => child.stop());
  await until('it ends', () => child.end, 15000);
  return { code: child.end.code, output: child.output };
}

test('fleet: several keys, as flags and as variables', { timeout: 60000 }, async (t) => {
  const starts = {
    flags: { args: ['--agent-key', AGENT_KEY, '--agent-key', OTHER_AGENT_KEY, '--admin-key', ADMIN_KEY, '--admin-key', OTHER_ADMIN_KEY] },
    variables: { env: { FLEET_AGENT_KEY: `${AGENT_KEY}, ${OTHER_AGENT_KEY},`, FLEET_ADMIN_KEY: `${ADMIN_KEY},${OTHER_ADMIN_KEY}` } },
  };
  for (const [name, start] of Object.entries(starts)) {
    await t.test(name, async (inner) => {
      const { admits, status } = await startOne(inner, start);
      for (const key of [AGENT_KEY, OTHER_AGENT_KEY]) assert.equal((await admits(key)).protocolVersion, 3);
      assert.equal(await admits(ADMIN_KEY), 4001);
      assert.deepEqual([await status(ADMIN_KEY), await status(OTHER_ADMIN_KEY), await status(AGENT_KEY)], [200, 200, 401]);
    });
  }
});

test('fleet: the heartbeat, under each of its names', { timeout: 60000 }, async (t) => {
  const key = ['--agent-key', AGENT_KEY];
  const rows = [
    ['--fleet-heartbeat', { args: [...key, '--fleet-heartbeat', '250ms'] }, 250],
    ['--heartbeat', { args: [...key, '--heartbeat', '300'] }, 300],
    ['FLEET_HEARTBEAT_MS', { args: key, env: { FLEET_HEARTBEAT_MS: '350' } }, 350],
    ['a flag beats a variable', { args: [...key, '--heartbeat', '400'], env: { FLEET_HEARTBEAT_MS: '350' } }, 400],
    ['none', { args: key }, 5000],
  ];
  for (const [name, start, want] of rows) {
    await t.test(name, async (inner) => {
      const { admits } = await startOne(inner, start);
      assert.equal((await admits(AGENT_KEY)).heartbeatMs, want);
    });
  }
});

test('fleet: without its API', { timeout: 60000 }, async (t) => {
  const { node, admits } = await startOne(t, { args: ['--agent-key', AGENT_KEY, '--admin-key', ADMIN_KEY, '--no-api'] });
  for (const path of ['/v1/stats', '/v1/events']) assert.equal((await rest(node, 'GET', path)).status, 404);
  assert.equal((await exchange(node, 'GET', '/healthz')).status, 200);
  assert.equal((await admits(AGENT_KEY)).protocolVersion, 3);

  const agent = new Agent(`${node.wsUrl}/`, AGENT_KEY, { rooms: ['a', 'b'].map((id) => ({ id, type: 'match', connections: 3, origin: 'local' })) });
  t.after(() => agent.stop());
  const shown = async () => {
    const metrics = await node.metrics();
    return ['instances{status="active"}', 'instances_stale', 'connections', 'rooms{type="match"}'].map((name) => metrics[`signalbox_fleet_${name}`]);
  };
  await until('its state is counted', async () => `${await shown()}` === '1,0,6,2');
  agent.stop();
  await until('it has left', async () => `${await shown()}` === '0,0,0,');
});

test('fleet: what production refuses', { timeout: 60000 }, async (t) => {
  const rows = [
    ['a short agent key', ['--agent-key', 'short-agent-key', '--admin-key', ADMIN_KEY], /--agent-key.*FLEET_AGENT_KEY/s, /short-agent-key/],
    ['a short admin key', ['--agent-key', AGENT_KEY, '--admin-key', 'short-admin-key'], /--admin-key.*FLEET_ADMIN_KEY/s, /short-admin-key/],
    ['one key for both', ['--agent-key', AGENT_KEY, '--admin-key', AGENT_KEY], /key/, new RegExp(AGENT_KEY)],
  ];
  for (const [name, args, names, secret] of rows) {
    await t.test(name, async (inner) => {
      const { code, output } = await refusedStart(inner, args, { NODE_ENV: 'production' });
      assert.equal(code, 1, output);
      assert.match(output, names);
      assert.doesNotMatch(output, secret);
    });
  }
  await t.test('outside of production they are taken', async (inner) => {
    const { admits, status } = await startOne(inner, { args: ['--agent-key', 'short', '--admin-key', 'brief'] });
    assert.equal((await admits('short')).protocolVersion, 3);
    assert.equal(await status('brief'), 200);
  });
});

test('fleet: a key that cannot stand in a handshake is wrong usage', { timeout: 30000 }, async (t) => {
  const { code, output } = await refusedStart(t, ['--agent-key', 'a=b/c']);
  assert.notEqual(code, 0);
  assert.doesNotMatch(output, /a=b/);
});

test('fleet: a key that is revoked ends what it let in', { timeout: 60000 }, async (t) => {
  const cluster = await startCluster(t, { count: 1 });
  const [node] = cluster.replicas;
  const key = await cluster.token('agent', 'one');
  const agent = new Agent(`${node.wsUrl}/`, key, { protocols: [key, SENTINEL] });
  t.after(() => agent.stop());
  await agent.admitted();
  await cluster.revoke('agent', 'one');
  await until('it is closed, and not let in again', () => agent.closes.some(({ code }) => code === 4001));
  const none = await rest(node, 'GET', '/v1/stats', undefined, { key: 'none' });
  assert.equal(`${none.status} ${none.text}`, `401 ${refusal('UNAUTHORIZED')}`);
});
