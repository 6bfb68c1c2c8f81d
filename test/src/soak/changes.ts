/**
 * Those who change zones: by UPDATE, one after the other; and by commits to the repository, of which the primary is told by NOTIFY.
 *
 * Always holds: a change _may_ be seen from before it is sent, and _must_ be when it is acknowledged: an UPDATE by NOERROR, a commit by
 * its first answer, since a NOTIFY may be answered before the primary has pulled.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { notifyMessage } from '@zonewright/common/authority/notify';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS, extendedErrorText } from '@zonewright/common/wire/edns';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import { until } from '../support/until.ts';
import { updateRecordOf } from '../support/update-text.ts';
import { type Scenery, someZone } from './peers.ts';
import { textOf } from './text.ts';
import { nameRecords, type SoakZone } from './world.ts';

/** Milliseconds between two changes of one who changes, at most. */
const UPDATE_PAUSE = 40;
const COMMIT_PAUSE = 600;
/** One commit of so many changes the large zone. */
const LARGE_EVERY = 8;
/** Names that one UPDATE changes, at most. */
const MOST = 3;
const TIMEOUT = 60_000;
/** How long a commit may take until it is served, on a machine that has much else to do. */
const SEEN = 300_000;
/** How often somebody who commits small zones may be overtaken by UPDATEs until these have to wait; a large one is pushed at leisure. */
const RACES = 2;

/** A change of these cells is acknowledged. */
function settle({ versions }: Scenery, cells: readonly number[]): void {
  for (const cell of cells) versions.settle(cell);
}

const updateOf = (zone: SoakZone, changes: readonly (readonly [name: number, version: number])[]): Message => ({
  ...emptyMessage(0, OPCODE.UPDATE),
  questions: [{ name: zone.name, type: TYPE.SOA, class: CLASS.IN }],
  authorities: changes.flatMap(([i, version]) => [
    updateRecordOf(`delete name${i}`, zone.name),
    ...nameRecords(version).map((record) => updateRecordOf(`add name${i} 300 ${record}`, zone.name)),
  ]),
  edns: BARE_EDNS,
});

/** One who updates, of `count`: each has names of its own. */
export async function sendUpdates(scenery: Scenery, number: number, count: number): Promise<void> {
  const { world, versions, chance, primary: server, key } = scenery;
  for (; !scenery.isOver(); await scenery.gate) {
    const zone = someZone(scenery);
    const mine = Array.from(
      { length: 1 + chance(MOST) },
      () => chance(Math.floor(world.names / count)) * count + number,
    );
    const names = [...new Set(mine)];
    const cells = names.map((i) => world.nameCell(zone, i));
    const message = updateOf(
      zone,
      names.map((i, at) => [i, versions.begin(cells[at]!)]),
    );
    const reply = await exchange({
      server,
      message,
      key,
      transport: chance(4) === 0 ? 'tcp' : 'udp',
      timeout: TIMEOUT,
    });
    if (!reply.ok) scenery.fail(`UPDATE of ${zone.origin}: ${reply.fault.what}`);
    else if (reply.value.rcode !== RCODE.NOERROR)
      scenery.fail(
        `UPDATE of ${zone.origin}: ${printRcode(reply.value.rcode)} ${extendedErrorText(reply.value.edns) ?? ''}`,
      );
    else {
      settle(scenery, cells);
      scenery.count('updates');
    }
    await pause(chance(UPDATE_PAUSE));
  }
}

/** One who commits: now the large zone, now some of the small ones. */
export async function pushCommits(scenery: Scenery): Promise<void> {
  const { world, chance } = scenery;
  const [large, ...small] = world.zones;
  for (let turn = 1; !scenery.isOver(); turn++) {
    const isLarge = turn % LARGE_EVERY === 1;
    await pushCommit(scenery, isLarge ? [large!] : small.filter(() => chance(2) === 0));
    scenery.count(isLarge ? 'reloads of the large zone' : 'commits of small zones');
    await pause(chance(COMMIT_PAUSE));
  }
}

async function pushCommit(scenery: Scenery, zones: readonly SoakZone[]): Promise<void> {
  const { world, versions, repository, primary: server, key } = scenery;
  const epochs = new Map(zones.map((zone) => [zone, versions.begin(zone.cell)]));
  await withGate(scenery, (close) => {
    let tries = 0;
    return repository.push((read) => {
      if (tries++ === RACES || zones[0] === world.zones[0]) close();
      return Object.fromEntries(
        zones.map((zone) => [zone.fileName, world.withEpoch(read(zone.fileName), epochs.get(zone)!)]),
      );
    });
  });
  for (const [zone, epoch] of epochs) {
    const told = await exchange({ server, message: notifyMessage(zone.name), key, transport: 'tcp', timeout: TIMEOUT });
    if (!told.ok || told.value.rcode !== RCODE.NOERROR)
      scenery.fail(`NOTIFY of ${zone.origin}: ${told.ok ? printRcode(told.value.rcode) : told.fault.what}`);
    await seen(scenery, zone, epoch);
    settle(scenery, [zone.cell]);
  }
}

/** Does something after which the gate is open, whether it was closed or not. */
async function withGate(scenery: Scenery, work: (close: () => void) => Promise<unknown>): Promise<void> {
  let open: (() => void) | undefined;
  const close = (): void => {
    // To close it anew would let those through who wait before it.
    if (open !== undefined) return;
    scenery.gate = new Promise((resolve) => {
      open = resolve;
    });
  };
  await work(close);
  open?.();
}

/** Waits until a zone has come to an epoch. */
async function seen({ world, primary: server }: Scenery, zone: SoakZone, epoch: number): Promise<void> {
  const { name, type, expected } = world.marker(zone);
  const message = { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name, type, class: CLASS.IN }] };
  await until(() => exchange({ server, message, transport: 'tcp', timeout: TIMEOUT }), {
    what: `${zone.origin} is at epoch ${epoch}`,
    holds: (reply) => reply.ok && textOf(reply.value) === expected(epoch),
    timeout: SEEN,
  });
}
