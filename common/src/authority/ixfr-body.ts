/**
 * Replies to IXFR (RFC 1995) that are one message, made once for all who ask from the same serial: after a change all secondaries of a
 * zone ask the same within some milliseconds. Header, OPT and signature are each one's own.
 *
 * Always holds: what is kept goes with its version of the zone, and is bounded; a name is written as it was asked for.
 */
import type { Question } from '../wire/message.ts';
import type { Difference } from '../zone/difference.ts';
import type { Zone } from '../zone/zone.ts';
import { type Body, differenceRecords, packBody } from './transfer.ts';

/** Octets that are kept for one version of a zone: of secondaries that are up to date but for the last change, one body. */
const MAX_BODIES_OCTETS = 65_536;

interface Bodies {
  /** By serial and name, as it was asked for; `undefined` where it takes more than one message. */
  readonly bySerial: Map<string, Body | undefined>;
  octets: number;
}

const kept = new WeakMap<Zone, Bodies>();

function bodiesOf(zone: Zone): Bodies {
  const known = kept.get(zone) ?? { bySerial: new Map(), octets: 0 };
  kept.set(zone, known);
  return known;
}

/** What a difference from `serial` to this version of the zone looks like in one message; `undefined` where it takes more. */
export function ixfrBody(zone: Zone, serial: number, question: Question, difference: Difference): Body | undefined {
  const bodies = bodiesOf(zone);
  const id = `${serial} ${Buffer.from(question.name.wire).toString('latin1')}`;
  if (bodies.bySerial.has(id)) return bodies.bySerial.get(id);
  const body = packBody(question, differenceRecords(zone, difference));
  const octets = id.length + (body?.octets.length ?? 0);
  if (bodies.octets + octets <= MAX_BODIES_OCTETS) {
    bodies.octets += octets;
    bodies.bySerial.set(id, body);
  }
  return body;
}
