# SPDX-License-Identifier: MIT
"""python-socketio on a leash: one JSON object a line, what it is to do on standard input, what it hears on
standard output. Bytes travel as {"$bytes": "<base64>"}."""
import base64
import json
import sys
import threading

import socketio

url, options = sys.argv[1], json.loads(sys.argv[2])
lock = threading.Lock()


def pack(value):
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [pack(item) for item in value]
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    return value


def unpack(value):
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        return {key: unpack(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unpack(item) for item in value]
    return value


def say(**what):
    with lock:
        print(json.dumps(pack(what)), flush=True)


client = socketio.Client(reconnection=options.get("reconnection", True), reconnection_delay=0.05,
                         reconnection_delay_max=0.2)
namespace = options.get("namespace", "/")
client.on("connect", lambda: say(heard="connect", args=[]), namespace=namespace)
client.on("disconnect", lambda: say(heard="disconnect", args=[]), namespace=namespace)
client.on("connect_error", lambda data=None: say(heard="connect_error", args=[data]), namespace=namespace)
for name in options.get("events", []):
    client.on(name, lambda *args, name=name: say(heard=name, args=args), namespace=namespace)
try:
    client.connect(url, transports=options.get("transports"), auth=options.get("auth"), namespaces=[namespace])
except socketio.exceptions.ConnectionError as error:
    say(failed=str(error))
    sys.exit(0)

for line in sys.stdin:
    order = json.loads(line)
    if "emit" in order:
        number = order.get("ack")
        callback = (lambda *args, number=number: say(ack=number, args=args)) if number is not None else None
        client.emit(order["emit"], tuple(unpack(order["args"])), namespace=namespace, callback=callback)
    elif "disconnect" in order:
        client.disconnect()
        break
    elif "transport" in order:
        say(transport=client.transport(), sid=client.get_sid(namespace))
