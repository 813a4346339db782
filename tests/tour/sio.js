// SPDX-License-Identifier: MIT
// ./dev sio [-n COUNT] [-a AUTH] URL [EVENT…]: a Socket.IO client for a terminal (socket.io-client 4, as a browser
// has it). Sends the events, each a JSON array, and prints what it gets: events as JSON arrays, answers to its own as
// "ack [...]". Ends after COUNT lines, or with Ctrl-C.
import { io } from 'socket.io-client';

const args = process.argv.slice(2);
const take = (flag) => (args[0] === flag ? args.splice(0, 2)[1] : undefined);
let count = Number(take('-n') ?? Infinity);
const auth = take('-a');
const [url, ...events] = args;
if (!url || Number.isNaN(count)) {
  console.error('usage: ./dev sio [-n COUNT] [-a AUTH] URL [EVENT…]');
  process.exit(2);
}
const socket = io(url, { auth: auth ? JSON.parse(auth) : undefined });
const print = (line) => {
  console.log(line);
  if (--count <= 0) {
    socket.disconnect();
    process.exit(0);
  }
};
socket.once('connect', () => {
  for (const event of events) socket.emit(...JSON.parse(event), (...answer) => print(`ack ${JSON.stringify(answer)}`));
});
socket.onAny((...event) => print(JSON.stringify(event)));
socket.on('connect_error', (error) => console.error(error.message, error.data ?? ''));
socket.on('disconnect', (reason) => console.error(`disconnected: ${reason}`));
