// SPDX-License-Identifier: MIT
// ./dev agent [-n COUNT] URL KEY [NAME]: a simulated FleetAgent for a terminal. Joins, answers polls, makes and destroys
// rooms as it is told, and prints that; leaves after COUNT lines, or with Ctrl-C.
import { Agent } from '../e2e/lib/fleet-agent.js';

const args = process.argv.slice(2);
let left = Infinity;
if (args[0] === '-n') left = Number(args.splice(0, 2)[1]);
const [url, key, name = 'tour'] = args;
if (!key || Number.isNaN(left)) {
  console.error('usage: ./dev agent [-n COUNT] URL KEY [NAME]');
  process.exit(2);
}

class PrintingAgent extends Agent {
  hello(message) {
    super.hello(message);
    this.say(`joined as ${message.instanceId}`);
  }

  told(cmd) {
    const isLast = this.say([cmd.op, cmd.roomId, cmd.roomType].filter(Boolean).join(' '));
    super.told(cmd);
    if (isLast) this.stop();
  }

  /** Was that the last line? */
  say(line) {
    console.log(line);
    return --left <= 0;
  }

  closed(code, reason) {
    super.closed(code, reason);
    if (!this.isStopped) console.error(`closed: ${code} ${reason}`);
  }
}

const agent = new PrintingAgent(url, key, { name });
process.on('SIGINT', () => agent.stop());
