// SPDX-License-Identifier: MIT
// A fleet for tests: replicas with keys, agents that come through the balancer, callers of REST and of events.
import http from 'node:http';
import { Agent } from './fleet-agent.js';
import { until } from './process.js';
import { startCluster } from './signalbox.js';

export const AGENT_KEY = 'agent-key-0123456789abcdef0123456789';
export const ADMIN_KEY = 'admin-key-0123456789abcdef0123456789';

export const refusal = (cause) => `{"status":"rejected","cause":"${cause}"}`;
export const OK = '{"status":"OK"}';

const keepAlive = new http.Agent({ keepAlive: true, maxSockets: Infinity });

/** One exchange, with path, headers and body exactly as given: { status, text, json, headers }. */
export function exchange(node, method, path, { headers = {}, body, agent = keepAlive, timeout = 30000 } = {}) {
  // node says the length of what it thinks may have a body only
  const length = body !== undefined && !headers['transfer-encoding'] && { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const asked = http.request({
      host: '127.0.0.1', port: new URL(node.url).port, method, path, headers: { ...headers, ...length }, agent, timeout,
    });
    asked.on('timeout', () => asked.destroy(new Error(`${method} ${path}: no answer`)));
    asked.on('error', reject);
    asked.on('response', (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: answer.statusCode, headers: answer.headers, text, get json() { return JSON.parse(text); } });
      });
    });
    asked.end(body);
  });
}

/** As a caller of /v1 asks: with a key, objects as JSON. */
export function rest(node, method, path, body, { key = ADMIN_KEY, headers = {}, ...more } = {}) {
  const isJson = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
  return exchange(node, method, path, {
    headers: {
      ...(key && { authorization: `Bearer ${key}` }), ...(isJson && { 'content-type': 'application/json' }), ...headers,
    },
    body: isJson ? JSON.stringify(body) : body, ...more,
  });
}

/** A stream of events, as text and one by one. */
export class Events {
  static async open(node, { query = '', key = ADMIN_KEY, headers = {} } = {}) {
    const events = new Events();
    events.text = '';
    const asked = http.request({
      host: '127.0.0.1', port: new URL(node.url).port, path: `/v1/events${query}`,
      headers: { ...(key && { authorization: `Bearer ${key}` }), ...headers }, agent: false,
    });
    asked.on('error', (error) => (events.error = error));
    asked.on('response', (answer) => events.begin(answer));
    asked.end();
    events.asked = asked;
    await until('the answer to GET /v1/events', () => events.answer ?? events.error);
    if (events.error) throw events.error;
    if (events.status === 200) await until('the stream is connected', () => events.text.startsWith(': connected\n\n'));
    return events;
  }

  begin(answer) {
    Object.assign(this, { answer, status: answer.statusCode, headers: answer.headers });
    answer.setEncoding('utf8');
    answer.on('data', (chunk) => (this.text += chunk));
    answer.on('error', (error) => (this.error = error));
    answer.on('end', () => (this.isEnded = true));
    answer.on('close', () => (this.isClosed = true));
  }

  /** Whole events so far, exactly as they came: comments are none. */
  get blocks() {
    return this.text.split('\n\n').slice(0, -1).filter((block) => !block.startsWith(':'));
  }

  get list() {
    return this.blocks.map((block) => {
      const found = /^event: (.+)\ndata: (.+)$/.exec(block);
      if (!found) throw new Error(`no event: ${block}`);
      return { type: found[1], data: JSON.parse(found[2]) };
    });
  }

  /** Waits for event number `count` (from 1), and gives all so far. */
  async has(count, ms) {
    await until(`${count} events in ${this.text.slice(-2000)}`, () => this.blocks.length >= count, ms);
    return this.list;
  }

  /** The first event that `check` accepts. */
  find(what, check, ms) {
    return until(`${what} in ${this.text.slice(-2000)}`, () => this.list.find(check), ms);
  }

  close() {
    this.asked.destroy();
  }
}

/** Replicas (three behind a balancer) that serve a fleet, and what belongs to it; all of it ends with the test. */
export async function startFleet(t, { heartbeat = '100ms', args = [], count = 3, balancer = true, ...more } = {}) {
  const opened = [];
  t.after(() => opened.forEach((one) => (one.stop ? one.stop() : one.close())));
  const fleet = await startCluster(t, {
    count, balancer, ...more,
    args: ['--agent-key', AGENT_KEY, '--admin-key', ADMIN_KEY, '--fleet-heartbeat', heartbeat, ...args],
  });
  const keep = (one) => {
    opened.push(one);
    return one;
  };
  let turn = 0;
  fleet.node = () => fleet.replicas[turn++ % fleet.replicas.length];
  fleet.gate = () => fleet.balancer ?? fleet.replicas[0];
  fleet.agent = (options = {}) => keep(new Agent(options.url ?? `${fleet.gate().wsUrl}/`, options.key ?? AGENT_KEY, options));
  /** Agents that are listed, with all that they have now. */
  fleet.join = async (...list) => {
    const agents = [];
    for (const options of list) {
      const agent = fleet.agent(options);
      await fleet.listed(agent);
      agents.push(agent);
    }
    return agents;
  };
  fleet.rest = (method, path, body, options = {}) => rest(options.node ?? fleet.node(), method, path, body, options);
  fleet.events = async (node, options) => keep(await Events.open(node, options));
  fleet.get = async (path) => {
    const answer = await fleet.rest('GET', path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.text}`);
    return answer.json.data;
  };
  fleet.listed = (agent, ms) => until(`${agent.name} is listed`, async () =>
    agent.mayCome() && agent.isAdmitted && (await fleet.rest('GET', `/v1/instances/${agent.instanceId}`)).status === 200, ms);
  fleet.gone = (id, ms) => until(`${id} is not listed`, async () =>
    (await fleet.rest('GET', `/v1/instances/${id}`)).status === 404, ms);
  fleet.create = (body, options) => fleet.rest('POST', '/v1/rooms', body, options);
  return fleet;
}
