/** Differences in one datagram: as our own primary sends them over UDP, and what has to go over TCP. */
import { datagramNews } from '@zonewright/common/authority/inbound-datagram';
import { differenceRecords } from '@zonewright/common/authority/transfer';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import { countDifferences, diffZones } from '@zonewright/common/zone/delta';
import { differenceOf } from '@zonewright/common/zone/difference';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { nameOf, recordsFrom } from '../support/records.ts';

const origin = nameOf('example.');
const zoneOf = (serial: number, more: string): Zone =>
  Zone.fromRecords(
    origin,
    recordsFrom(`@ 60 SOA ns hostmaster ${serial} 3600 600 86400 300\n@ 60 NS ns\nns 60 A 127.0.0.1\n${more}`, origin),
  )!;
const replyWith = (answers: readonly ResourceRecord[], more: Partial<Message> = {}): Message => ({
  ...emptyMessage(1, OPCODE.QUERY),
  qr: true,
  aa: true,
  answers,
  ...more,
});

const first = zoneOf(1, 'www 60 A 192.0.2.1');
const second = zoneOf(2, 'www 60 A 192.0.2.2\nmail 60 A 192.0.2.3');
const differences = [...differenceRecords(second, differenceOf(diffZones(first, second)))];

test('differences in a datagram are applied, and say how the version came about', (t) => {
  const news = datagramNews(replyWith(differences), origin, zoneOf(1, 'www 60 A 192.0.2.1'));
  t.is(news?.applied?.zone.serial, 2);
  t.deepEqual(countDifferences(second, news!.applied!.zone), { removed: 0, added: 0 });
  t.like(news?.applied?.deltas?.[0], { from: 1, to: 2 });
});

test('an SOA that is not newer says that there is nothing new, and one that is sends to TCP', (t) => {
  t.deepEqual(datagramNews(replyWith([second.soaRecord()]), origin, second), { applied: undefined });
  t.deepEqual(datagramNews(replyWith([first.soaRecord()]), origin, second), { applied: undefined });
  t.is(datagramNews(replyWith([second.soaRecord()]), origin, first), undefined);
});

test('whatever is odd is left to TCP, and the version at hand stays as it was', (t) => {
  const current = zoneOf(1, 'www 60 A 192.0.2.1');
  const odd: readonly Message[] = [
    replyWith(differences, { tc: true }),
    replyWith([], { rcode: RCODE.REFUSED }),
    replyWith([]),
    replyWith(differences.slice(0, -1)),
    replyWith(differences.filter(({ type }) => type === TYPE.SOA).concat(differences[2]!)),
    replyWith([...differences.slice(0, 2), ...recordsFrom('none 60 A 192.0.2.9', origin), ...differences.slice(2)]),
    replyWith([...differences, ...differences]),
  ];
  for (const [i, reply] of odd.entries()) t.is(datagramNews(reply, origin, current), undefined, `${i}`);
  t.is(current.serial, 1);
  t.is(datagramNews(replyWith(differences), origin, current)?.applied?.zone.serial, 2);
});
