// SPDX-License-Identifier: MIT
// Clients of the dialects as their users write them: plain fetch and npm ws.
import { once } from 'node:events';
import WebSocket from 'ws';
import { until } from './process.js';

/** A WebSocket that keeps what it was told, so that a test reads as a dialogue. */
export class Socket {
  constructor(url, options = {}) {
    this.received = [];
    this.taken = 0;
    this.ws = new WebSocket(url, options);
    this.ws.on('message', (data, isBinary) => {
      this.received.push(isBinary ? data : data.toString());
    });
    this.ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.ws.on('error', (error) => {
      this.error = error;
    });
    this.ws.on('unexpected-response', (request, response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => {
        this.refused = { status: response.statusCode, body, headers: response.headers };
        request.destroy();
      });
    });
  }

  static async open(url, options) {
    const socket = new Socket(url, options);
    await until(`open ${url}`, () => {
      if (socket.refused) throw new Error(`refused: ${JSON.stringify(socket.refused)}`);
      if (socket.error) throw socket.error;
      return socket.ws.readyState === WebSocket.OPEN;
    });
    return socket;
  }

  /** The HTTP answer to a handshake that must not succeed. */
  static async refused(url, options) {
    const socket = new Socket(url, options);
    return until(`refused ${url}`, () => {
      if (socket.ws.readyState === WebSocket.OPEN) throw new Error('it was let in');
      return socket.refused;
    });
  }

  send(message) {
    this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** The next message, as text. */
  async next(ms) {
    await until(`message ${this.taken + 1} (has ${this.received.length})`,
      () => this.received.length > this.taken || this.closed, ms);
    if (this.received.length <= this.taken) throw new Error(`closed: ${JSON.stringify(this.closed)}`);
    return this.received[this.taken++];
  }

  async nextJson(ms) {
    return JSON.parse(await this.next(ms));
  }

  async ended(ms) {
    return until('the close', () => this.closed, ms);
  }

  async close() {
    if (this.closed) return;
    this.ws.close(1000);
    await this.ended();
  }

  /** The line breaks: no close frame. */
  async breakOff() {
    if (this.closed) return;
    const gone = once(this.ws, 'close');
    this.ws.terminate();
    await gone;
  }
}

/** A relay client that has shaken hands. */
export async function relayClient(url, key, type, data) {
  const socket = await Socket.open(`${url}/sync?api_key=${encodeURIComponent(key)}`);
  socket.send({ type, data });
  const answer = await socket.nextJson();
  if (answer.status !== 'connected') throw new Error(JSON.stringify(answer));
  return socket;
}

export const relayMod = (url, key, server, channel) =>
  relayClient(url, key, 'mod', { server_id: server, channel_id: channel });

export const relayBot = (url, key, bot = 'bot', channels) =>
  relayClient(url, key, 'bot', channels ? { bot_id: bot, channels } : { bot_id: bot });

export const modMessage = (id, server, channel, content = `text ${id}`) => ({
  msg_id: String(id), id: server, destination: { channel_id: channel },
  author: { id: 'a1', name: 'Ann' }, content,
});

export const botMessage = (id, channel, content = `text ${id}`) => ({
  msg_id: String(id), id: channel, author: { id: 'b1', name: 'Bot' }, content,
});

/** One HTTP exchange: status, text, json (when it is), headers. */
export async function http(method, url, { headers, body, timeout = 30000 } = {}) {
  const answer = await fetch(url, {
    method, headers, signal: AbortSignal.timeout(timeout),
    body: body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.status, text, json, headers: answer.headers };
}
