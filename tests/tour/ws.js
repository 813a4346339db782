// SPDX-License-Identifier: MIT
// ./dev ws [-n COUNT] URL [LINE…]: a WebSocket client for a terminal. Sends the lines, one after each answer
// (the first at once), prints what it gets; ends after COUNT messages, at end of line, or with Ctrl-C.
import WebSocket from 'ws';

const args = process.argv.slice(2);
let count = Infinity;
if (args[0] === '-n') count = Number(args.splice(0, 2)[1]);
const [url, ...lines] = args;
if (!url || Number.isNaN(count)) {
  console.error('usage: ./dev ws [-n COUNT] URL [LINE…]');
  process.exit(2);
}
const ws = new WebSocket(url);
const next = () => {
  if (lines.length > 0) ws.send(lines.shift());
};
ws.on('open', next);
ws.on('message', (data) => {
  console.log(data.toString());
  if (--count <= 0) ws.close(1000);
  else next();
});
ws.on('unexpected-response', (request, response) => {
  console.error(`refused: ${response.statusCode}`);
  response.pipe(process.stderr);
  response.on('end', () => process.exit(1));
});
ws.on('error', (error) => console.error(error.message));
ws.on('close', (code, reason) => {
  if (count > 0) console.error(`closed: ${code} ${reason}`);
  process.exit(count > 0 && Number.isFinite(count) ? 1 : 0);
});
