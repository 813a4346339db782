// SPDX-License-Identifier: MIT
// Clients that come back, whatever happens to the node they were on, and remember what they were told.
import WebSocket from 'ws';
import { botMessage, modMessage } from '../e2e/lib/clients.js';

/** A generator of reproducible random numbers (mulberry32): next() in 0..1, below(n) in 0..n-1. */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  pick(items) {
    return items[this.below(items.length)];
  }
}

export const SEED = Number(process.env.SIGNALBOX_SEED ?? 1);
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Reconnects until it is stopped: subclasses say hello and take messages. */
class Returning {
  constructor(url) {
    this.url = url;
    this.connect();
  }

  connect() {
    if (this.isStopped) return;
    this.isOpen = false;
    const ws = new WebSocket(this.url, { handshakeTimeout: 3000 });
    this.ws = ws;
    ws.on('open', () => this.hello(ws));
    ws.on('message', (data) => {
      if (ws.readyState === WebSocket.OPEN) this.take(JSON.parse(data.toString()), ws);
    });
    ws.on('error', () => {});
    ws.on('close', () => {
      this.isOpen = false;
      if (this.ws === ws && !this.isStopped) setTimeout(() => this.connect(), 50);
    });
  }

  hello() {
    this.isOpen = true;
  }

  stop() {
    this.isStopped = true;
    this.ws.close(1000);
  }
}

/** One side of the relay: sends numbered messages, repeats what was not acknowledged, and keeps what it
 *  was sent. `send(n)` builds message n. */
class RelayClient extends Returning {
  constructor(url, handshake, send) {
    super(url);
    this.handshake = handshake;
    this.build = send;
    this.unacknowledged = []; // numbers, in the order of sending
    this.stored = new Set(); // acknowledged as completed or queued
    this.received = []; // { channel, id, at }
    this.sent = 0;
  }

  hello(ws) {
    ws.send(JSON.stringify(this.handshake));
  }

  take(message, ws) {
    if (message.status === 'connected') {
      this.isOpen = true;
      for (const n of this.unacknowledged) ws.send(JSON.stringify(this.build(n)));
    } else if (message.status !== undefined) {
      this.acknowledged(message, ws);
    } else if (message.code === undefined) {
      this.received.push({ channel: message.channel_id, id: message.msg_id, at: Date.now() });
    }
  }

  acknowledged({ status, msg_id }, ws) {
    const n = this.unacknowledged[0];
    if (String(this.build(n)?.msg_id) !== msg_id) throw new Error(`acknowledged ${msg_id}, expected ${n}`);
    if (status === 'failed') {
      // everything from here on goes again, on a new connection
      ws.terminate();
      return;
    }
    this.unacknowledged.shift();
    this.stored.add(msg_id);
  }

  next() {
    const n = ++this.sent;
    this.unacknowledged.push(n);
    if (this.isOpen) this.ws.send(JSON.stringify(this.build(n)));
  }
}

export const returningMod = (base, key, server, channel) =>
  new RelayClient(`${base}/sync?api_key=${key}`, { type: 'mod', data: { server_id: server, channel_id: channel } },
    (n) => modMessage(`${channel}:${server}:${n}`, server, channel, `content ${n}`));

export const returningBot = (base, key, channels) =>
  new RelayClient(`${base}/sync?api_key=${key}`, { type: 'bot', data: { bot_id: 'bot' } },
    (n) => {
      const channel = channels[n % channels.length];
      return botMessage(`${channel}:bot:${n}`, channel, `content ${n}`);
    });

/** A player that keeps what it was sent. */
export class Player extends Returning {
  constructor(base, token) {
    super(`${base}/ws?token=${token}`);
    this.received = [];
  }

  take(message) {
    this.received.push({ id: message.payload, at: Date.now() });
  }
}

/** Publishes numbered messages to one player until they are accepted; the id makes that harmless. */
export class Publisher {
  constructor(base, token, player) {
    Object.assign(this, { base, token, player, accepted: new Set(), sent: 0, backlog: [], isBusy: false });
  }

  next() {
    this.backlog.push(++this.sent);
    this.drain();
  }

  async drain() {
    if (this.isBusy) return;
    this.isBusy = true;
    while (this.backlog.length > 0) {
      const id = `${this.player}:${this.backlog[0]}`;
      try {
        const answer = await fetch(`${this.base}/publish`, {
          method: 'POST', headers: { authorization: `Bearer ${this.token}` }, signal: AbortSignal.timeout(8000),
          body: JSON.stringify({ player_id: this.player, event: 'e', payload: id, id, ttl: 600 }),
        });
        await answer.arrayBuffer();
        if (answer.status === 200) {
          this.accepted.add(id);
          this.backlog.shift();
          continue;
        }
      } catch {
        // the node went away: again
      }
      await pause(50);
    }
    this.isBusy = false;
  }
}

/** Everything in `stored` was received; first receipts are in the order of sending (which a sender that does
 *  not wait for each answer gives up when a message in the middle fails: then isOrdered is false). */
export function checkReceived(name, stored, received, { isOrdered = true } = {}) {
  const seen = new Set(received.map((entry) => entry.id));
  const lost = [...stored].filter((id) => !seen.has(id));
  if (lost.length > 0) throw new Error(`${name}: ${lost.length} of ${stored.size} lost: ${lost.slice(0, 5)}`);
  const last = {};
  const first = new Set();
  for (const { id } of received) {
    if (first.has(id)) continue;
    first.add(id);
    const [, sender, n] = /^(.*):(\d+)$/.exec(id);
    if (isOrdered && Number(n) < (last[sender] ?? 0)) throw new Error(`${name}: ${id} came after ${last[sender]}`);
    last[sender] = Number(n);
  }
}

export const duplicatesOf = (received) => {
  const seen = new Set();
  return received.filter(({ id }) => seen.size === seen.add(id).size);
};
