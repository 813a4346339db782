// SPDX-License-Identifier: MIT
// What a fleet is, written plainly: documents from what agents say, events from two states, and where a room may go.
import { canonicalJson, shortHash } from './fleet-wire.js';

const CLEAN = /^[A-Za-z0-9_-]{1,64}$/;

/** A room's id in documents, as long as no other has the same. */
export function baseOf(id) {
  if (CLEAN.test(id)) return id;
  return [...Buffer.from(id)].map((byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

/** Of all rooms with one base: made by a command first, then who joined first, then the lower instance id. */
function keeps(a, b) {
  const isFleets = ({ room }) => room.origin === 'fleet';
  if (isFleets(a) !== isFleets(b)) return isFleets(a);
  if (a.joined !== b.joined) return a.joined < b.joined;
  return false;
}

/** For each room (an object of a snapshot) its public id. `instances`: [{ id, snapshot }] by their joining. */
export function publicIds(instances) {
  const keepers = new Map();
  const claims = instances.flatMap(({ snapshot }, joined) =>
    snapshot.rooms.map((room) => ({ room, joined, uid: snapshot.processUid, base: baseOf(room.id) })));
  for (const claim of claims) {
    const keeper = keepers.get(claim.base);
    if (!keeper || keeps(claim, keeper)) keepers.set(claim.base, claim);
  }
  return new Map(claims.map((claim) =>
    [claim.room, keepers.get(claim.base) === claim ? claim.base : `${claim.uid}~${claim.base}`]));
}

const roomInfo = (room, id, instance) => ({
  id, type: room.type, connections: room.connections, instanceId: instance.id,
  endpointUrl: instance.snapshot.endpointUrl, local: room.origin === 'local',
});

/** InstanceInfo without lastSyncAt, its members in order. */
function instanceInfo(instance, name) {
  const { snapshot } = instance;
  const rooms = snapshot.rooms.map((room) => roomInfo(room, name(room), instance));
  return {
    id: instance.id, name: snapshot.name, processUid: snapshot.processUid, endpointUrl: snapshot.endpointUrl,
    labels: snapshot.labels, roomTypes: snapshot.roomTypes, rooms,
    connections: rooms.reduce((sum, room) => sum + room.connections, 0), capacity: snapshot.capacity,
    autoCreate: snapshot.autoCreate, status: snapshot.status, agentVersion: snapshot.agentVersion,
    protocolVersion: snapshot.protocolVersion,
  };
}

export function documents(instances) {
  const names = publicIds(instances);
  return instances.map((instance) => instanceInfo(instance, (room) => names.get(room)));
}

/** An instance that has left is told of with the ids that its agent gave. */
export const leavingDocument = (instance) => instanceInfo(instance, (room) => room.id);

/** What equal states have in common, and different ones have not. */
export const stateHash = (docs) => shortHash(canonicalJson([...docs].sort((a, b) => (a.id < b.id ? -1 : 1))));

/** FleetStats without the hash. */
export function stats(docs) {
  return {
    instances: docs.length, rooms: docs.reduce((sum, doc) => sum + doc.rooms.length, 0),
    connections: docs.reduce((sum, doc) => sum + doc.connections, 0),
    roomTypes: [...new Set(docs.flatMap((doc) => doc.roomTypes))].sort(),
  };
}

/** Without what depends on the clock or on how a node hashes. */
export function timeless({ type, data }) {
  const { lastSyncAt, stateHash: hash, ...rest } = data;
  return { type, data: rest };
}

/** The events of each change, from the states before and after it. */
export class EventModel {
  constructor() {
    this.known = new Map(); // public id → RoomInfo as at its create
    this.docs = [];
  }

  /** `leaver`: the instance that went, if that is the change. Events without lastSyncAt and stateHash. */
  change(instances, leaver) {
    const docs = documents(instances);
    const before = new Set(this.docs.map(({ id }) => id));
    const hasJoined = (id) => this.docs.some((doc) => doc.id === id);
    const events = [];
    const say = (type, data) => events.push({ type, data });
    if (leaver && before.has(leaver.id)) say('instance:leave', leavingDocument(leaver));
    for (const doc of docs) {
      if (!hasJoined(doc.id)) say('instance:join', doc);
      for (const room of doc.rooms) this.create(room, say);
    }
    this.destroyAbsent(docs, say);
    if (stateHash(docs) !== stateHash(this.docs)) say('sync', stats(docs));
    this.docs = docs;
    return events;
  }

  create(room, say) {
    if (this.known.has(room.id)) return;
    this.known.set(room.id, room);
    say('room:create', room);
  }

  destroyAbsent(docs, say) {
    const live = new Set(docs.flatMap((doc) => doc.rooms.map(({ id }) => id)));
    for (const [id, room] of this.known) {
      if (live.has(id)) continue;
      this.known.delete(id);
      say('room:destroy', room);
    }
  }
}

// ---- placement ----------------------------------------------------------------------------------------------

/** May an unpinned room go there? `held`: slots taken by commands that no state shows yet. */
function isCandidate({ snapshot, held }, type, labels) {
  const { capacity, status, autoCreate, roomTypes, rooms } = snapshot;
  const connections = rooms.reduce((sum, room) => sum + room.connections, 0);
  return status === 'active' && autoCreate && roomTypes.includes(type) &&
    Object.entries(labels).every(([key, value]) => snapshot.labels[key] === value) &&
    (capacity.maxRooms === null || rooms.length + held < capacity.maxRooms) &&
    (capacity.maxConnections === null || connections < capacity.maxConnections);
}

/** All instances that may be chosen: [{ id, snapshot, held }] → those (none: NO_CANDIDATE). */
export function choices(instances, type, { labels = {}, strategy, type: filter = type } = {}) {
  const candidates = instances.filter((instance) => isCandidate(instance, filter, labels));
  if (strategy === 'random' || candidates.length === 0) return candidates;
  const isRatio = candidates.every(({ snapshot }) => snapshot.capacity.maxConnections !== null);
  const scores = candidates.map(({ snapshot }) => {
    const connections = snapshot.rooms.reduce((sum, room) => sum + room.connections, 0);
    return isRatio ? connections / snapshot.capacity.maxConnections : connections;
  });
  const best = strategy === 'most-loaded' ? Math.max(...scores) : Math.min(...scores);
  return candidates.filter((_, i) => scores[i] === best);
}
