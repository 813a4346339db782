// SPDX-License-Identifier: MIT
// Clients that poll (Engine.IO 4 over HTTP), many in one process: they connect to `/`, join a room, hold their
// GET, answer pings, and count what they get.
//   pollers.js COUNT ROOM HELLO URL…     each request goes to the next URL; HELLO is the event that joins, as JSON
// Says {"open":N} when all are in, then after each line of input {"received":N}, and ends with its input.
import http from 'node:http';
import { createInterface } from 'node:readline';

const [count, connect, join, ...urls] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
let turn = 0;
let received = 0;
let failed = 0;

function exchange(method, query, body) {
  const url = `${urls[turn++ % urls.length]}/socket.io/?EIO=4&transport=polling${query}`;
  return new Promise((resolve, reject) => {
    const asked = http.request(url, { method, agent }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk) => (text += chunk));
      answer.on('end', () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(`${answer.statusCode} ${text}`))));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function poll(sid, isIn) {
  for (;;) {
    const text = await exchange('GET', sid);
    for (const packet of text.split('\x1e')) {
      if (packet === '2') await exchange('POST', sid, '3');
      else if (packet === '1') throw new Error('closed');
      else if (packet.startsWith('42')) received++;
      else if (packet.startsWith('43')) isIn();
    }
  }
}

async function open() {
  const { sid } = JSON.parse((await exchange('GET', '')).slice(1));
  const query = `&sid=${sid}`;
  await exchange('POST', query, connect);
  while (!(await exchange('GET', query)).startsWith('40')) ;
  await exchange('POST', query, join);
  await new Promise((resolve, reject) => {
    poll(query, resolve).catch((error) => {
      if (failed++ < 3) console.error(String(error));
      reject(error);
    });
  });
}

let left = Number(count);
await Promise.all(Array.from({ length: 64 }, async () => {
  while (left-- > 0) await open();
}));
console.log(JSON.stringify({ open: Number(count) - failed }));
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  console.log(JSON.stringify({ received, failed }));
}
process.exit(0);
