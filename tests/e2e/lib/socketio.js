// SPDX-License-Identifier: MIT
// The real clients of Socket.IO, as their users have them, and a back end with hooks.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { io } from 'socket.io-client';
import { until } from './process.js';

const require = createRequire(import.meta.url);
const LINES = { 2: require('socket.io-client-2'), 3: require('socket.io-client-3').io, 4: io };

/** What came, by event; `next` takes them one by one. */
class Heard {
  constructor() {
    this.events = [];
    this.taken = 0;
  }

  hear(name, args) {
    this.events.push([name, ...args]);
  }

  async next(ms) {
    await until(`event ${this.taken + 1} of ${JSON.stringify(this.events).slice(-300)}`,
      () => this.events.length > this.taken, ms);
    return this.events[this.taken++];
  }

  count(name) {
    return this.events.filter((event) => event[0] === name).length;
  }
}

/** A JavaScript client of the 4.x, the 3.x or the 2.x line. */
export class JsClient extends Heard {
  constructor(t, version, url, { namespace = '/', auth, query, ...options } = {}) {
    super();
    this.version = version;
    const target = url + (namespace === '/' ? '' : namespace);
    const common = { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, ...options };
    this.socket = LINES[version](target, version === 2 ? { ...common, query } : { ...common, auth, query });
    const { socket } = this;
    socket.on('connect', () => this.connects = (this.connects ?? 0) + 1);
    socket.on('disconnect', (reason) => (this.disconnected = reason));
    const failed = (error) => (this.error = error);
    socket.on('connect_error', failed);
    if (version === 2) socket.on('error', failed);
    if (version > 2) socket.onAny((name, ...args) => this.hear(name, args));
    else {
      const { onevent } = socket;
      socket.onevent = (packet) => {
        this.hear(packet.data[0], packet.data.slice(1));
        onevent.call(socket, packet);
      };
    }
    t.after(() => socket.disconnect());
  }

  static async open(t, version, url, options) {
    const client = new JsClient(t, version, url, options);
    await until(`connected to ${url}`, () => {
      if (client.error && options?.reconnection === false) throw client.error;
      return client.socket.connected;
    });
    return client;
  }

  get id() {
    return this.socket.id;
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  emit(name, ...args) {
    this.socket.emit(name, ...args);
  }

  /** The acknowledgement, as an array of its arguments. */
  ask(name, ...args) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no acknowledgement of ${name}`)), 30000);
      this.socket.emit(name, ...args, (...answer) => {
        clearTimeout(late);
        resolve(answer);
      });
    });
  }

  async upgraded() {
    await until('the upgrade', () => this.transport === 'websocket');
  }

  close() {
    this.socket.disconnect();
  }
}

const toBytes = (value) => JSON.parse(JSON.stringify(value), (key, one) =>
  (one !== null && typeof one === 'object' && typeof one.$bytes === 'string' ? Buffer.from(one.$bytes, 'base64') : one));

const fromBytes = (value) => {
  if (Buffer.isBuffer(value)) return { $bytes: value.toString('base64') };
  if (Array.isArray(value)) return value.map(fromBytes);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fromBytes(one)]));
  }
  return value;
};

/** python-socketio 5.x, Debian's. */
export class PythonClient extends Heard {
  static async open(t, url, { transports, events, auth, namespace, reconnection } = {}) {
    const client = new PythonClient();
    const options = { transports, events, auth, namespace, reconnection };
    client.child = spawn('/usr/bin/python3', [new URL('client.py', import.meta.url).pathname, url, JSON.stringify(options)]);
    client.acks = new Map();
    client.asked = 0;
    client.errors = '';
    client.child.stderr.on('data', (chunk) => (client.errors += chunk));
    t.after(() => client.child.kill('SIGKILL'));
    createInterface({ input: client.child.stdout }).on('line', (line) => {
      const what = toBytes(JSON.parse(line));
      if (what.failed !== undefined) client.failed = what.failed;
      else if (what.ack !== undefined) client.acks.get(what.ack)(what.args);
      else if (what.transport !== undefined) Object.assign(client, { transport: what.transport, id: what.sid });
      else if (what.heard === 'connect') client.connects = (client.connects ?? 0) + 1;
      else if (what.heard === 'disconnect') client.disconnected = true;
      else client.hear(what.heard, what.args);
    });
    await until(`python is connected ${client.errors}`, () => {
      if (client.failed) throw new Error(client.failed);
      return client.connects;
    });
    client.order({ transport: true });
    await until('its transport', () => client.transport);
    return client;
  }

  order(what) {
    this.child.stdin.write(`${JSON.stringify(what)}\n`);
  }

  emit(name, ...args) {
    this.order({ emit: name, args: fromBytes(args) });
  }

  ask(name, ...args) {
    const ack = ++this.asked;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no acknowledgement of ${name}: ${this.errors}`)), 30000);
      this.acks.set(ack, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      this.order({ emit: name, args: fromBytes(args), ack });
    });
  }

  async upgraded() {
    await until('the upgrade', () => {
      this.order({ transport: true });
      return this.transport === 'websocket';
    });
  }

  close() {
    this.order({ disconnect: true });
  }
}

/** A back end: `answer(body, request)` returns the JSON to answer with, or { status, json } with `$status`. */
export async function startBackEnd(t, answer, { secret } = {}) {
  const backEnd = { bodies: [], requests: 0 };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', async () => {
      const bytes = Buffer.concat(chunks);
      backEnd.requests++;
      if (secret) {
        const expected = `sha256=${createHmac('sha256', secret).update(bytes).digest('hex')}`;
        const got = String(request.headers['x-signalbox-signature']);
        if (got.length !== expected.length || !timingSafeEqual(Buffer.from(got), Buffer.from(expected))) {
          response.writeHead(401).end();
          return;
        }
      }
      const body = JSON.parse(bytes.toString());
      backEnd.bodies.push({ ...body, $delivery: request.headers['x-signalbox-delivery'], $path: request.url });
      const got = await answer(body, request);
      if (got === undefined) {
        response.writeHead(204).end();
      } else if (got.$status) {
        response.writeHead(got.$status, { 'content-type': 'application/json' }).end(JSON.stringify(got.json ?? {}));
      } else {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(got));
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  backEnd.url = `http://127.0.0.1:${server.address().port}`;
  backEnd.server = server;
  return backEnd;
}
