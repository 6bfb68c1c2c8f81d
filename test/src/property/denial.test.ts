/**
 * Whatever is asked of a signed zone, the answer is proved: zones at random with wildcards, empty non-terminals, delegations, aliases
 * and what these hide, each with a chain of NSEC, NSEC3 and NSEC3 with opt-out.
 */
import { Responder } from '@zonewright/common/authority/responder';
import type { Name } from '@zonewright/common/name';
import { recordKey } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { diffZones } from '@zonewright/common/zone/delta';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import fc from 'fast-check';
import { ask, authorityOf } from '../support/answering.ts';
import { type ChainOptions, chainZone } from '../support/chained.ts';
import { runs } from '../support/extent.ts';
import { proofFault } from '../support/proof.ts';
import { nameOf, recordOf } from '../support/records.ts';

/** Of the zone; the root is one that has no name to be left out. */
const origins = fc.constantFrom('example.', '.', 'a.B.c.').map((text) => nameOf(text));
const label = fc.constantFrom('a', 'b', 'C', '*', 'aa', '\\000', '~');
const owner = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const data = fc.oneof(
  { arbitrary: fc.constant('A 192.0.2.1'), weight: 4 },
  { arbitrary: fc.constant('TXT "text"'), weight: 2 },
  { arbitrary: owner.map((target) => `CNAME ${target}`), weight: 1 },
  { arbitrary: owner.map((target) => `DNAME ${target}`), weight: 1 },
  { arbitrary: owner.map((target) => `NS ${target}`), weight: 2 },
  { arbitrary: fc.constant('DS 1 13 2 00ff'), weight: 1 },
);
const apex = ['@ 3600 SOA ns h 1 3600 600 86400 300', '@ 3600 NS ns.elsewhere.test.'];

/** A zone in which an alias has nothing beside it, and DS only stands at a cut. */
function zoneOf(lines: readonly string[], origin: Name): Zone {
  const records = lines.map((line) => recordOf(line, origin));
  const has = (name: Name, type: number): boolean =>
    records.some((record) => record.type === type && record.name.equals(name));
  const kept = records.filter(({ name, type }, i) => {
    if (name.isWildcard && (type === TYPE.NS || type === TYPE.DNAME)) return false;
    if (type === TYPE.CNAME || type === TYPE.DNAME)
      return !records.some((other, j) => other.name.equals(name) && (j < i || other.type !== type));
    return type !== TYPE.DS || (has(name, TYPE.NS) && !name.isWildcard);
  });
  return Zone.fromRecords(origin, [...apex.map((line) => recordOf(line, origin)), ...kept])!;
}
const lines = fc.array(
  fc.tuple(owner, data).map(([name, text]) => `${name} 3600 ${text}`),
  { maxLength: 25 },
);

const versions = fc.array(lines, { minLength: 2, maxLength: 4 });

const salt = Uint8Array.of(0xab, 0xcd);
const chains: readonly (readonly [string, ChainOptions])[] = [
  ['NSEC', {}],
  ['NSEC3', { hash: { iterations: 0, salt: new Uint8Array(0), isOptOut: false } }],
  ['NSEC3 with opt-out', { hash: { iterations: 2, salt, isOptOut: true } }],
];
/** What signing makes. */
const MADE: ReadonlySet<number> = new Set([TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3, TYPE.NSEC3PARAM]);
const types = ['A', 'TXT', 'DS', 'NS', 'CNAME', 'SOA', 'ANY'];

for (const [kind, options] of chains) {
  test(`every answer of a zone with ${kind} is proved`, (t) => {
    fc.assert(
      fc.property(origins, lines, fc.array(owner, { minLength: 1, maxLength: 20 }), (origin, content, names) => {
        const responder = new Responder(authorityOf(chainZone(zoneOf(content, origin), options)));
        for (const name of [origin, ...names.map((text) => nameOf(text, origin))]) {
          for (const type of types) {
            const reply = ask(responder, `${name} ${type}`, { dnssecOk: true });
            const fault = proofFault(reply, origin);
            if (fault !== undefined) throw new Error(`${name} ${type}: ${fault}`);
          }
        }
      }),
      { numRuns: runs(40) },
    );
    t.pass();
  });
}

for (const [kind, options] of chains) {
  test(`a next version of a zone with ${kind} proves what the same zone made anew does`, (t) => {
    fc.assert(
      fc.property(origins, versions, fc.array(owner), (origin, [first, ...later], names) => {
        let zone = chainZone(zoneOf(first!, origin), options);
        for (const content of later) {
          // Asked for, so that the next one follows on it.
          t.true(zone.chain !== undefined);
          const anew = chainZone(zoneOf(content, origin), options);
          const { removed, added } = diffZones(zone, anew);
          zone = zone.change({ removed, added })!;
          const [changed, fresh] = [zone, anew].map((each) => new Responder(authorityOf(each)));
          for (const name of names.map((text) => nameOf(text, origin))) {
            for (const type of ['A', 'DS']) {
              const proofs = (responder: Responder): string[] =>
                ask(responder, `${name} ${type}`, { dnssecOk: true }).authorities.map(recordKey).sort();
              t.deepEqual(proofs(changed!), proofs(fresh!));
            }
          }
        }
      }),
      { numRuns: runs(40) },
    );
  });
}

for (const [kind, options] of chains) {
  test(`a zone with ${kind} of which anything is missing is answered all the same`, (t) => {
    fc.assert(
      fc.property(origins, lines, fc.infiniteStream(fc.nat(3)), fc.array(owner), (origin, content, chance, names) => {
        const whole = chainZone(zoneOf(content, origin), options);
        const left = [...whole.records()].filter(({ type }) => !MADE.has(type) || chance.next().value !== 0);
        const responder = new Responder(authorityOf(Zone.fromRecords(origin, [whole.soaRecord(), ...left])!));
        for (const name of [origin, ...names.map((text) => nameOf(text, origin))])
          for (const type of types) t.notThrows(() => ask(responder, `${name} ${type}`, { dnssecOk: true }));
      }),
      { numRuns: runs(40) },
    );
  });
}
