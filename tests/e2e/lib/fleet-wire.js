// SPDX-License-Identifier: MIT
// Protocol 3 of @rivalis/fleet as its agents speak it, by protobufjs: outer frames, messages, and an agent's hash. What
// goes beyond it (State.features, Cmd.options, SyncRoom.metadata) is there for agents that are told to know it.
import { createHash } from 'node:crypto';
import protobuf from 'protobufjs';

const { root } = protobuf.parse(`
  syntax = "proto2";
  message Outer { optional string topic = 1; optional bytes payload = 2; }
  message Hello { optional string instanceId = 1; optional uint32 protocolVersion = 2; optional uint32 heartbeatMs = 3; }
  message Poll { optional string reqId = 1; optional string knownHash = 2; optional string status = 3; }
  message Label { optional string key = 1; optional string value = 2; }
  message Capacity { optional int32 maxConnections = 1; optional int32 maxRooms = 2; }
  message SyncRoom {
    optional string id = 1; optional string type = 2; optional uint32 connections = 3; optional string origin = 4;
    repeated Label metadata = 5;
  }
  message State {
    optional string reqId = 1; optional bool full = 2; optional uint32 seq = 3; optional string hash = 4;
    optional string name = 5; optional string processUid = 6; optional string agentVersion = 7;
    optional uint32 protocolVersion = 8; optional string endpointUrl = 9; repeated Label labels = 10;
    optional Capacity capacity = 11; optional bool autoCreate = 12; repeated string roomTypes = 13;
    repeated SyncRoom rooms = 14; optional string status = 15; optional uint32 features = 16;
  }
  message Cmd {
    optional string cmdId = 1; optional string op = 2; optional string roomId = 3; optional string roomType = 4;
    optional string options = 5;
  }
  message AckRoom { optional string id = 1; optional string type = 2; }
  message Ack {
    optional string cmdId = 1; optional bool ok = 2; optional string error = 3; optional bool alreadyGone = 4;
    optional AckRoom room = 5; optional bool exists = 6;
  }
`, { keepCase: true });

const Outer = root.lookupType('Outer');
const TOPICS = {
  'fleet/hello': 'Hello', 'fleet/poll': 'Poll', 'fleet/cmd': 'Cmd', 'fleet/state': 'State', 'fleet/ack': 'Ack',
};

/** An outer frame around bytes that need be nothing in particular. */
export const outerFrame = (topic, payload) => Buffer.from(Outer.encode({ topic, payload }).finish());

/** The frame of a message. */
export function encode(topic, message, version = [3, 0]) {
  const body = root.lookupType(TOPICS[topic]).encode(message).finish();
  return outerFrame(topic, Buffer.concat([Buffer.from(version), body]));
}

/** { topic, message } of a frame; an agent's process dies of one that is not well formed, a test likewise. */
export function decode(bytes) {
  const { topic, payload } = Outer.toObject(Outer.decode(bytes));
  if (topic === undefined || payload === undefined) throw new Error(`no frame: ${Buffer.from(bytes).toString('hex')}`);
  if (!TOPICS[topic]) throw new Error(`a topic agents do not know: ${topic}`);
  if (payload[0] !== 3) throw new Error(`version ${payload[0]}`);
  const type = root.lookupType(TOPICS[topic]);
  return { topic, message: type.toObject(type.decode(payload.subarray(2)), { longs: Number }) };
}

/** JSON without blanks, keys sorted. */
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${members.join()}}`;
}

export const shortHash = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);
