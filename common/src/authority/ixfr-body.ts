/**
 * Replies to IXFR (RFC 1995) that are one message, made once for all who ask from the same serial: after a change all secondaries of a
 * zone ask the same within some milliseconds. Header, OPT and signature are each one's own.
 *
 * Always holds: what is kept goes with its version of the zone, and is little; a name is written as it was asked for.
 * Left out: what is asked for by the zone's name in another spelling than its own is made each time, since there are as many as one likes.
 */
import type { Question } from '../wire/message.ts';
import type { Difference } from '../zone/difference.ts';
import type { Zone } from '../zone/zone.ts';
import { type Body, differenceRecords, packBody } from './transfer.ts';

/** Serials for which a version of a zone keeps what was made; then that goes which was made first. */
const MAX_BODIES = 4;
/** Octets that are kept for one version of a zone: one body of the largest, or some of the usual ones. */
const MAX_BODIES_OCTETS = 16_384;

/** By serial; `undefined` where it takes more than one message. */
type Bodies = Map<number, Body | undefined>;

const kept = new WeakMap<Zone, Bodies>();

function bodiesOf(zone: Zone): Bodies {
  const known = kept.get(zone) ?? new Map();
  kept.set(zone, known);
  return known;
}

/** What a difference from `serial` to this version of the zone looks like in one message; `undefined` where it takes more. */
export function ixfrBody(zone: Zone, serial: number, question: Question, difference: Difference): Body | undefined {
  const make = (): Body | undefined => packBody(question, differenceRecords(zone, difference));
  if (Buffer.compare(question.name.wire, zone.origin.wire) !== 0) return make();
  const bodies = bodiesOf(zone);
  if (bodies.has(serial)) return bodies.get(serial);
  const body = make();
  bodies.set(serial, body);
  for (const first of bodies.keys()) {
    if (bodies.size <= MAX_BODIES && octetsOf(bodies) <= MAX_BODIES_OCTETS) break;
    bodies.delete(first);
  }
  return body;
}

function octetsOf(bodies: Bodies): number {
  let octets = 0;
  for (const body of bodies.values()) octets += body?.octets.length ?? 0;
  return octets;
}
