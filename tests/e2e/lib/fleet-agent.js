// SPDX-License-Identifier: MIT
// A simulated FleetAgent of @rivalis/fleet 8.0.0: what an unmodified one does, and switches to misbehave.
import { randomBytes } from 'node:crypto';
import WebSocket from 'ws';
import { canonicalJson, decode, encode, shortHash } from './fleet-wire.js';
import { until } from './process.js';

export const SENTINEL = 'rivalis-fleet.v1';
const RETRY = { firstMs: 500, mostMs: 30000 };

/** As State has them: { key, value }. */
const labelsOf = (object) => Object.entries(object).map(([key, value]) => ({ key, value }));

const byUnits = (a, b) => (a < b ? -1 : Number(a > b));

/** What a command does to an agent, and what is acknowledged. */
const operations = {
  create(agent, { roomId, roomType }) {
    const refuse = (error) => ({ ok: false, error });
    if (!agent.autoCreate) return refuse('autoCreate is disabled on this instance');
    if (!roomType) return refuse('roomType is missing');
    if (agent.maxRooms !== undefined && agent.rooms.length >= agent.maxRooms) return refuse('room limit reached');
    if (agent.find(roomId)) return { ...refuse('room id already exists'), exists: true };
    if (!agent.roomTypes.includes(roomType)) return refuse('unknown room type');
    const id = roomId ?? randomBytes(16).toString('hex');
    agent.addRoom(id, roomType, { origin: 'fleet' });
    return { ok: true, room: { id, type: roomType } };
  },
  destroy: (agent, { roomId }) => (agent.removeRoom(roomId) ? { ok: true } : { ok: true, alreadyGone: true }),
  drain(agent) {
    agent.status = 'draining';
    return { ok: true };
  },
  undrain(agent) {
    agent.status = 'active';
    return { ok: true };
  },
};

export class Agent {
  /**
   * Switches: `isMute` answers no poll; `keepsAcks` executes but holds acknowledgements back until release();
   * `isDeaf` ignores commands; `retries: false` stays away once it is closed; `features` are those that it announces,
   * which an unmodified one does not.
   */
  constructor(url, key, options = {}) {
    Object.assign(this, {
      url, key, retries: true, isMute: false, keepsAcks: false, isDeaf: false, protocols: [key, SENTINEL],
      name: 'sim', processUid: `p_${randomBytes(12).toString('hex')}`, agentVersion: '8.0.0',
      endpointUrl: 'wss://eu1.example.com', labels: {}, maxConnections: undefined, maxRooms: undefined,
      autoCreate: true, roomTypes: ['lobby', 'match'], rooms: [], status: 'active',
    }, options);
    Object.assign(this, { hellos: [], polls: [], cmds: [], closes: [], kept: [], drains: [], attempt: 0 });
    this.connect();
  }

  // ---- the connection ------------------------------------------------------------------------------

  connect() {
    if (this.isStopped) return;
    const ws = new WebSocket(this.url, this.protocols, { maxPayload: 16 * 1024 * 1024 });
    this.ws = ws;
    this.seq = 0;
    this.isAdmitted = false;
    ws.on('message', (data, isBinary) => this.take(data, isBinary));
    ws.on('error', () => {});
    ws.on('close', (code, reason) => this.closed(code, reason.toString()));
  }

  closed(code, reason) {
    this.closes.push({ code, reason, at: performance.now() });
    this.isAdmitted = false;
    for (const { reject } of this.drains.splice(0)) reject(new Error(`the connection was lost: ${code}`));
    if (this.isStopped || !this.retries) return;
    const bound = Math.min(RETRY.mostMs, RETRY.firstMs * 2 ** this.attempt++);
    this.timer = setTimeout(() => this.connect(), Math.random() * bound);
  }

  take(data, isBinary) {
    if (!isBinary) throw new Error(`a text frame: ${data}`);
    const { topic, message } = decode(data);
    if (topic === 'fleet/hello') this.hello(message);
    else if (topic === 'fleet/poll') this.polled(message);
    else if (topic === 'fleet/cmd') this.told(message);
    else throw new Error(`not for agents: ${topic}`);
  }

  hello(message) {
    if (this.isAdmitted) throw new Error('a second hello on one connection');
    this.hellos.push(message);
    this.isAdmitted = true;
    this.attempt = 0;
    this.seq = 0;
    if (message.protocolVersion !== 3) this.stop();
  }

  get instanceId() {
    return this.hellos.at(-1)?.instanceId;
  }

  polled(poll) {
    this.polls.push({ ...poll, at: performance.now() });
    if (poll.status === 'draining') for (const { resolve } of this.drains.splice(0)) resolve();
    if (!this.isMute) this.answer(poll);
  }

  told(cmd) {
    this.cmds.push(cmd);
    if (this.isDeaf) return;
    const done = operations[cmd.op]?.(this, cmd) ?? { ok: false, error: `unknown op ${cmd.op}` };
    const ack = encode('fleet/ack', { cmdId: cmd.cmdId, ...done });
    if (this.keepsAcks) this.kept.push(ack);
    else this.ws.send(ack);
  }

  /** Sends what was held back, in order, and holds nothing back any more. */
  release() {
    this.keepsAcks = false;
    for (const ack of this.kept.splice(0)) this.ws.send(ack);
  }

  // ---- what it says -----------------------------------------------------------------------------------

  /** Fields 5 to 15 of a state, as its hash has them. */
  snapshot() {
    return {
      name: this.name, processUid: this.processUid, agentVersion: this.agentVersion, protocolVersion: 3,
      endpointUrl: this.endpointUrl, labels: { ...this.labels },
      capacity: { maxConnections: this.maxConnections ?? null, maxRooms: this.maxRooms ?? null },
      autoCreate: this.autoCreate, roomTypes: [...this.roomTypes].sort(byUnits),
      rooms: this.rooms.map((room) => ({ ...room })).sort((a, b) => byUnits(a.id, b.id)), status: this.status,
    };
  }

  hash() {
    return shortHash(canonicalJson(this.snapshot()));
  }

  /** The answer to a poll; `more` overrides fields of it. */
  stateFor(poll, more = {}) {
    const snapshot = this.snapshot();
    const hash = shortHash(canonicalJson(snapshot));
    const full = poll.knownHash !== hash;
    const state = { reqId: poll.reqId, full, seq: ++this.seq, hash };
    if (!full && more.full !== true) return { ...state, ...more };
    const labels = labelsOf(snapshot.labels);
    const rooms = snapshot.rooms.map((room) => ({ ...room, metadata: labelsOf(room.metadata ?? {}) }));
    return { ...state, ...snapshot, labels, rooms, ...(this.features && { features: this.features }), ...more };
  }

  answer(poll, more) {
    this.ws.send(encode('fleet/state', this.stateFor(poll, more)));
  }

  // ---- what its game server does ------------------------------------------------------------------------

  find(id) {
    return id === undefined ? undefined : this.rooms.find((room) => room.id === id);
  }

  /** `metadata`: an object of texts, which an unmodified one does not have. */
  addRoom(id, type, { connections = 0, origin = 'local', metadata } = {}) {
    this.rooms.push({ id, type, connections, origin, ...(metadata && { metadata }) });
  }

  removeRoom(id) {
    const at = this.rooms.findIndex((room) => room.id === id);
    return at >= 0 && this.rooms.splice(at, 1).length > 0;
  }

  /** Resolves when a poll shows that the orchestrator knows. */
  drain() {
    this.status = 'draining';
    return new Promise((resolve, reject) => this.drains.push({ resolve, reject }));
  }

  /** The end of its process: the socket is closed in order. */
  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.ws.close(1000);
  }

  /** The line breaks, without a close frame; it comes again unless it must not. */
  breakOff() {
    this.ws.terminate();
  }

  // ---- what a test waits for ----------------------------------------------------------------------------

  /** True, unless it was closed and stays away: then nothing that is waited for will come. */
  mayCome() {
    if (!this.isAdmitted && !this.retries && this.closes.length > 0) throw new Error(`${this.name}: ${JSON.stringify(this.closes)}`);
    return true;
  }

  admitted(ms) {
    return until(`${this.name} is admitted`, () => this.mayCome() && this.isAdmitted && this.instanceId, ms);
  }

  /** The orchestrator asks with the hash of what this agent is now. */
  inStep(ms) {
    return until(`${this.name} is known as it is`,
      () => this.mayCome() && this.isAdmitted && this.polls.at(-1)?.knownHash === this.hash(), ms);
  }

  /** Close number `count` (from 1): { code, reason }. */
  async close(count = 1, ms) {
    const { code, reason } = await until(`close ${count} of ${this.name}`, () => this.closes[count - 1], ms);
    return { code, reason };
  }
}
