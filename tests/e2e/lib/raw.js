// SPDX-License-Identifier: MIT
// A TCP connection that is spoken to byte by byte, for what fetch and npm ws will not do.
import { once } from 'node:events';
import net from 'node:net';
import { until } from './process.js';

export class Raw {
  constructor(socket) {
    this.socket = socket;
    this.received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => (this.received += chunk));
    socket.on('error', (error) => (this.error = error));
    socket.on('end', () => (this.isEnded = true));
    socket.on('close', () => (this.isEnded = true));
  }

  static async connect(port, options = {}) {
    const socket = net.connect({ port, host: '127.0.0.1', ...options });
    const raw = new Raw(socket);
    await once(socket, 'connect');
    return raw;
  }

  /** A connection that has upgraded `path`; frames follow, and nobody answers them. */
  static async upgrade(port, path, headers = '') {
    const raw = await Raw.connect(port);
    raw.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`);
    await raw.has('\r\n\r\n');
    return raw;
  }

  write(bytes) {
    this.socket.write(bytes, 'latin1');
  }

  async has(text, ms) {
    return until(`"${text}" in "${this.received.slice(0, 200)}"`, () => this.received.includes(text), ms);
  }

  async ended(ms) {
    await until(`the end; got "${this.received.slice(0, 200)}"`, () => this.isEnded, ms);
    return this.received;
  }

  /** The next whole answer (with a Content-Length): { status, headers, body }. */
  async answer(ms) {
    const length = () => {
      const head = this.received.indexOf('\r\n\r\n');
      const found = /\r\ncontent-length: (\d+)/i.exec(this.received.slice(0, head + 2));
      return head >= 0 && found ? [head, Number(found[1])] : undefined;
    };
    const [head, size] = await until(`an answer; got "${this.received.slice(0, 200)}"`, () => {
      const got = length();
      if (got && this.received.length >= got[0] + 4 + got[1]) return got;
      if (this.isEnded) throw new Error(`ended (${this.error}) after "${this.received}"`);
      return undefined;
    }, ms);
    const headers = this.received.slice(0, head);
    const body = this.received.slice(head + 4, head + 4 + size);
    this.received = this.received.slice(head + 4 + size);
    return { status: Number(headers.slice(9, 12)), headers, body };
  }

  close() {
    this.socket.destroy();
  }
}
