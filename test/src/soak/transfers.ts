/**
 * Those who take whole zones by AXFR (RFC 5936), and judge them: one version from the beginning to the end, all of a zone in one epoch, and
 * each name that UPDATEs change in a version that was possible while it was transferred.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { openStream } from '@zonewright/common/net/stream';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import { recordOf } from '../support/records.ts';
import { type Scenery, someZone } from './peers.ts';
import { textOfRecord } from './text.ts';
import { isEpoch, nameRecords, type SoakZone, shownEpoch } from './world.ts';

/** Milliseconds between two, at most. */
const PAUSE = 2000;
const TIMEOUT = 60_000;

/** What is kept of a transfer. */
interface Taken {
  readonly soas: string[];
  readonly epochs: Set<number>;
  readonly names: Map<string, string[]>;
  others: number;
}

export async function takeZones(scenery: Scenery): Promise<void> {
  while (!scenery.isOver()) {
    const zone = someZone(scenery);
    const least = cellsOf(scenery, zone).map((cell) => scenery.versions.least(cell, 'primary'));
    const taken = await transfer(scenery, zone);
    const fault = typeof taken === 'string' ? taken : faultOf(scenery, zone, taken, least);
    if (fault === undefined)
      scenery.count(zone.number === 0 ? 'transfers of the large zone' : 'transfers of small zones');
    else scenery.fail(`AXFR of ${zone.origin}: ${fault}`);
    await pause(scenery.chance(PAUSE));
  }
}

const cellsOf = ({ world }: Scenery, zone: SoakZone): readonly number[] => [
  zone.cell,
  ...Array.from({ length: world.names }, (_, i) => world.nameCell(zone, i)),
];

/** The fault as a text. */
async function transfer({ primary: server, key }: Scenery, zone: SoakZone): Promise<Taken | string> {
  const opened = await openStream({ server, timeout: TIMEOUT });
  if (!opened.ok) return opened.fault.what;
  const question = { name: zone.name, type: TYPE.AXFR, class: CLASS.IN };
  const taken: Taken = { soas: [], epochs: new Set(), names: new Map(), others: 0 };
  try {
    for await (const message of opened.value.conversation(
      { ...emptyMessage(0, OPCODE.QUERY), questions: [question] },
      key,
    )) {
      if (!message.ok) return message.fault.what;
      if (message.value.rcode !== RCODE.NOERROR) return printRcode(message.value.rcode);
      for (const record of message.value.answers) take(taken, record);
      if (taken.soas.length === 2) return taken;
    }
    return 'it has no end';
  } finally {
    opened.value.close();
  }
}

function take(taken: Taken, record: ResourceRecord): void {
  const label = Buffer.from(record.name.labels[0]!).toString('latin1');
  if (record.type === TYPE.SOA) taken.soas.push(Buffer.from(record.rdata).toString('hex'));
  else if (/^name\d/.test(label)) {
    const texts = taken.names.get(label) ?? [];
    texts.push(textOfRecord(record));
    taken.names.set(label, texts);
  } else {
    taken.others++;
    if (record.type === TYPE.A) taken.epochs.add(shownEpoch(record.rdata));
  }
}

function faultOf(
  { world, versions }: Scenery,
  zone: SoakZone,
  { soas, epochs, names, others }: Taken,
  least: readonly number[],
): string | undefined {
  if (soas[0] !== soas[1]) return 'it begins and ends with different versions';
  if (others !== world.sizeOf(zone)) return `${others} records that no UPDATE changes`;
  if (epochs.size !== 1) return `it mixes the epochs ${[...epochs].join(' and ')}`;
  const [epoch = -1] = epochs;
  const isPossible = (i: number, cell: number, isAt: (version: number) => boolean): boolean => {
    for (let version = least[i]!; version <= versions.latest(cell); version++) if (isAt(version)) return true;
    return false;
  };
  if (!isPossible(0, zone.cell, (version) => isEpoch(epoch, version))) return `epoch ${epoch} after ${least[0]}`;
  for (let i = 0; i < world.names; i++) {
    const text = (names.get(`name${i}`) ?? []).sort().join('; ');
    const textAt = (version: number): string =>
      nameRecords(version)
        .map((record) => textOfRecord(recordOf(`name${i} 300 ${record}`, zone.name)))
        .sort()
        .join('; ');
    if (!isPossible(1 + i, world.nameCell(zone, i), (version) => textAt(version) === text))
      return `name${i} is "${text}", and was version ${least[1 + i]} before`;
  }
  return undefined;
}
