/**
 * The nasty zones as our server, BIND, Knot and NSD transfer them: the same records, with all that no answer shows - glue, what
 * is below cuts and DNAMEs (RFC 5936 3.5).
 */
import type { Peer } from '@zonewright/common/net/address';
import { openStream } from '@zonewright/common/net/stream';
import { CLASS } from '@zonewright/common/rr/class';
import { printRecord, recordKey } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import test from 'ava';
import { nastyZones } from '../support/nasty.ts';
import { testWith } from '../support/needs.ts';
import { startAuthorities } from '../support/peer-servers.ts';
import { given, nameOf } from '../support/records.ts';

/** The records of a transfer by what makes them the same, with their TTL; the SOA once. */
async function transferred(peer: Peer, zone: string): Promise<ReadonlyMap<string, string>> {
  const stream = given(await openStream({ server: peer }));
  const question = { name: nameOf(zone), type: TYPE.AXFR, class: CLASS.IN };
  const records = new Map<string, string>();
  let soas = 0;
  for await (const message of stream.conversation({ ...emptyMessage(0, OPCODE.QUERY), questions: [question] })) {
    for (const record of given(message).answers) {
      records.set(`${record.ttl} ${recordKey(record)}`, printRecord(record));
      if (record.type === TYPE.SOA) soas++;
    }
    if (soas === 2) break;
  }
  stream.close();
  return records;
}

testWith(test, ['named', 'knotd', 'nsd'])(
  'a transfer of each nasty zone has the records that BIND, Knot and NSD transfer',
  async (t) => {
    const zones = nastyZones();
    const authorities = await startAuthorities(t, zones);
    for (const { theme, name } of zones) {
      const [ours, ...theirs] = await Promise.all(
        authorities.map(({ asker, refused }) => (refused.has(name) ? undefined : transferred(asker.peer, name))),
      );
      if (ours === undefined) continue;
      t.true(ours.size > 1, theme);
      for (const [i, records] of theirs.entries()) {
        if (records === undefined) continue;
        const { server } = authorities[i + 1]!;
        const onlyIn = (some: ReadonlyMap<string, string>, others: ReadonlyMap<string, string>): readonly string[] =>
          [...some].flatMap(([key, text]) => (others.has(key) ? [] : [text]));
        t.deepEqual(onlyIn(ours, records), [], `${theme}: only ours, not ${server}'s`);
        t.deepEqual(onlyIn(records, ours), [], `${theme}: only ${server}'s`);
      }
    }
  },
);
