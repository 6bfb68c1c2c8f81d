/** How a soak judges: what is right in one version is wrong before and after it, and memory that grows is noticed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClientAddress } from '@zonewright/common/authority/client-address';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import type { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { Checker } from '../soak/checker.ts';
import { type Sample, sampleOf } from '../soak/sample.ts';
import { memoryOf, usageOf } from '../soak/usage.ts';
import { Versions } from '../soak/versions.ts';
import { nameRecords, SoakWorld, type SoakZone } from '../soak/world.ts';
import { authorityOf, NOW } from '../support/answering.ts';
import { temporaryFolder } from '../support/owner.ts';

const SCALE = { large: 20, small: 2, hosts: 5, names: 6 };
const world = new SoakWorld(SCALE);

/** All zones at an epoch, and each name that UPDATEs change in a version. */
function zonesAt(epoch: number, version: number): readonly Zone[] {
  const textOf = (zone: SoakZone): string => {
    const names = Array.from({ length: SCALE.names }, (_, i) =>
      nameRecords(version).map((record) => `name${i} ${record}\n`),
    );
    return world.withEpoch(world.textOf(zone), epoch) + names.flat().join('');
  };
  return world.zones.map((zone) => readZoneFile(Buffer.from(textOf(zone)), zone.name).zone!);
}

const responderOf = (zones: readonly Zone[]): Responder =>
  new Responder(authorityOf(...zones), { cookies: { secrets: [new Uint8Array(16)], isRequired: false } });

function answerTo(query: Uint8Array, responder: Responder): Buffer {
  responder.from(ClientAddress.of('192.0.2.1'), NOW * 1000);
  const outcome = receive(responder, query, 'udp', NOW);
  if (outcome.kind !== 'reply') throw new Error(outcome.kind);
  return Buffer.from(outcome.octets);
}

const each = (sample: Sample, look: (...[asked, query]: ReturnType<Sample['next']>) => void): void => {
  for (let i = 0; i < 200; i++) look(...sample.next());
};

test('all that a server says is right in its version, and what changed with another version is wrong there', (t) => {
  for (const version of [0, 1, 2, 3, 4, 5, 6]) {
    const now = responderOf(zonesAt(version, version));
    const then = responderOf(zonesAt(version + 1, version + 1));
    each(sampleOf(world, version, 200), (asked, query) => {
      const { cell, expected, name } = asked.question;
      const versions = new Versions(world.cells);
      while (versions.latest(cell) < version) versions.begin(cell);
      const checker = new Checker(versions);
      const since = { version, serial: 0 };
      t.is(checker.check(asked, answerTo(query, now), since), version, `${name}: ${checker.fault}`);
      const isChanged = expected(version) !== expected(version + 1);
      const next = answerTo(query, then);
      t.is(checker.check(asked, next, since), isChanged ? -1 : version, `${name} changes too early`);
      versions.begin(cell);
      t.is(
        checker.check(asked, next, since),
        isChanged ? version + 1 : version,
        `${name} may change: ${checker.fault}`,
      );
      const late = checker.check(asked, answerTo(query, now), { version: version + 1, serial: 0 });
      t.is(late, isChanged ? -1 : version + 1, `${name} changes too late`);
    });
  }
});

test('a serial that goes back is wrong', (t) => {
  const now = responderOf(zonesAt(0, 0));
  const checker = new Checker(new Versions(world.cells));
  let judged = 0;
  each(sampleOf(world, 1, 200), (asked, query) => {
    const octets = answerTo(query, now);
    checker.check(asked, octets, { version: 0, serial: 0 });
    if (checker.serial === 0) return;
    judged++;
    t.is(checker.serial, 1);
    t.is(checker.check(asked, octets, { version: 0, serial: 1 }), 0);
    t.is(checker.check(asked, octets, { version: 0, serial: 2 }), -1);
  });
  t.true(judged > 0);
});

test('a secondary may be of any version, however late it follows, and a primary of none before what it acknowledged', (t) => {
  const versions = new Versions(world.cells);
  const { cell } = world.changing(world.zones[0]!)[0]!;
  versions.begin(cell);
  versions.begin(cell);
  t.is(versions.least(cell, 'primary'), 0);
  versions.settle(cell);
  t.is(versions.least(cell, 'primary'), 2);
  t.is(versions.least(cell, 'secondary'), 0);
});

test('what V8 has not collected in any of the threads is no memory that is needed', (t) => {
  const heaps = temporaryFolder(t, 'heaps');
  const before = usageOf(process.pid, heaps);
  if (before === undefined) return t.pass('only Linux tells');
  t.is(before.memory, before.resident);
  for (const [thread, octets] of ['1000000\n', '2000000\n', ''].entries())
    writeFileSync(join(heaps, `${process.pid}.${thread}`), octets);
  writeFileSync(join(heaps, `${process.pid}1.0`), '5000000\n');
  const { resident, memory } = usageOf(process.pid, heaps)!;
  t.is(resident - memory, 3_000_000);
});

const MEBIBYTE = 2 ** 20;
/** Samples of a soak; megabytes, by the share of the time that has passed. */
const sampled = (at: (share: number, i: number) => number): boolean =>
  memoryOf(Array.from({ length: 1200 }, (_, i) => at(i / 1200, i) * MEBIBYTE)).isFlat;
/** What comes and goes: zones on their way, more of them towards the end. */
const peak = (i: number): number => (i % 7 < (i > 900 ? 6 : 2) ? 150 : 0);
/** An old version of a large zone that somebody still holds, in every other spell. */
const held = (i: number): number => (i % 160 < 80 ? 22 : 0);

test('memory is flat when it goes up and down, or has levelled off', (t) => {
  t.true(sampled(() => 200));
  t.true(
    sampled((share) => 200 + Math.min(25, 100 * share)),
    'the start',
  );
  t.true(
    sampled((share) => 200 + 60 * (1 - Math.exp(-8 * share))),
    'what levels off',
  );
  t.true(
    sampled((_, i) => 200 + peak(i)),
    'peaks',
  );
  t.true(
    sampled((_, i) => 200 + held(i)),
    'steps',
  );
  t.true(
    sampled((share) => 200 + 10 * share),
    'what fills up slowly',
  );
});

test('memory is not flat when it grows with the work, whatever comes and goes besides', (t) => {
  t.false(sampled((share) => 200 + 25 * share));
  t.false(
    sampled((share, i) => 200 + 25 * share + peak(i)),
    'under peaks',
  );
  t.false(
    sampled((share, i) => 200 + 120 * share + held(i)),
    'under steps',
  );
  t.false(
    sampled((share) => 200 + 22 * Math.floor(15 * share)),
    'a version of a large zone for each reload',
  );
});
