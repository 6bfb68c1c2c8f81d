/**
 * `zonewright wait`: until every server of a zone serves it, with a serial asked for, or all with the same one.
 *
 * Serials are compared by RFC 1982: one that is newer than asked for is good too. A server counts when it answers with authority
 * (a resolver that has the SOA in its cache does not). Servers that fail are asked again until the time is over.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Name } from '@zonewright/common/name';
import { type Peer, parsePeer, printPeer } from '@zonewright/common/net/address';
import { exchange } from '@zonewright/common/net/exchange';
import type { Fault } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import { readSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { EXIT } from '@zonewright/common/service/exit';
import { defineCommand } from '@zonewright/common/service/options';
import { wholeNumber } from '@zonewright/common/service/service-options';
import { OPCODE, printRcode } from '@zonewright/common/wire/code';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import { isNewer } from '@zonewright/common/zone/serial';
import { EDNS } from './server.ts';
import { PORT, parseName, plainName } from './words.ts';
import { findServers } from './zone-servers.ts';

/** ms between two rounds, and for one question: at most, and for the last one. */
const INTERVAL = 250;
const PATIENCE = 2_000;
const LEAST_PATIENCE = 1_000;

/** What a server has said last: a serial, or why there is none. */
type Seen = { readonly serial: number } | { readonly problem: string };

interface Watched {
  readonly server: Peer;
  seen: Seen;
}

async function look(server: Peer, zone: Name, timeout: number): Promise<Seen> {
  const message: Message = {
    ...emptyMessage(0, OPCODE.QUERY),
    questions: [{ name: zone, type: TYPE.SOA, class: CLASS.IN }],
    edns: EDNS,
  };
  const reply = await exchange({ server, message, transport: 'auto', timeout, tries: 1 });
  if (!reply.ok) return { problem: reply.fault.what };
  const soa = reply.value.answers.find(({ name, type }) => type === TYPE.SOA && name.equals(zone));
  if (soa === undefined) return { problem: `answers ${printRcode(reply.value.rcode)} without an SOA` };
  return reply.value.aa ? { serial: readSoa(soa.rdata).serial } : { problem: 'answers without authority' };
}

const textOf = (seen: Seen): string => ('serial' in seen ? `serial ${seen.serial}` : seen.problem);

/** Those that do not serve what is waited for: `serial` or a newer one; without, the newest that any of them has. */
function lagging(watched: readonly Watched[], serial: number | undefined): readonly Watched[] {
  let goal = serial;
  for (const { seen } of watched)
    if (serial === undefined && 'serial' in seen && (goal === undefined || isNewer(seen.serial, goal)))
      goal = seen.serial;
  return watched.filter(
    ({ seen }) => !('serial' in seen) || goal === undefined || (seen.serial !== goal && !isNewer(seen.serial, goal)),
  );
}

function lateFault(late: readonly Watched[], zone: Name, serial: number | undefined, timeout: number): Fault {
  const wanted = serial === undefined ? 'the same serial' : `serial ${serial}`;
  const list = late.map(({ server, seen }) => `${printPeer(server)} (${textOf(seen)})`).join(', ');
  return { kind: 'timeout', what: `after ${timeout} s without ${wanted} of zone ${plainName(zone)}: ${list}` };
}

export const command = defineCommand({
  name: 'wait',
  summary: 'wait until every server of a zone serves it',
  description:
    'Waits until every server of a zone answers with at least the serial, or, without one, all with the same. The servers are those of the NS records of the zone, as the resolver of the system knows them, unless some are named.',
  arguments: [{ name: '<ZONE>', description: 'the zone', parse: parseName }],
  options: [
    {
      flag: '--serial <N>',
      variable: 'ZONEWRIGHT_ZONE_SERIAL',
      description: 'serial to wait for, or a newer one',
      parse: wholeNumber(0, 2 ** 32 - 1),
    },
    { flag: '--server <IP[:PORT]>', description: 'server to wait for, repeatable', repeatable: true },
    {
      flag: '--via <IP[:PORT]>',
      description: 'server to ask for the servers of the zone, instead of the resolver of the system',
    },
    PORT,
    { flag: '--timeout <S>', description: 'seconds to wait', default: '60', parse: wholeNumber(0, 604_800) },
  ],
  async run({ zone, serial, server: named, via, port, timeout }, context) {
    const servers: Peer[] = [];
    for (const text of named) {
      const server = parsePeer(text, port);
      if (!server.ok) return context.fail(server.fault);
      servers.push(server.value);
    }
    if (servers.length === 0) {
      const source = via === undefined ? undefined : parsePeer(via, port);
      if (source !== undefined && !source.ok) return context.fail(source.fault);
      const found = await findServers(zone, port, source?.value);
      if (!found.ok) return context.fail(found.fault);
      servers.push(...found.value);
    }
    const watched: Watched[] = servers.map((server) => ({ server, seen: { problem: 'no reply' } }));
    const end = performance.now() + timeout * 1000;
    for (;;) {
      const patience = Math.max(LEAST_PATIENCE, Math.min(PATIENCE, Math.ceil(end - performance.now())));
      await Promise.all(
        watched.map(async (entry) => {
          const seen = await look(entry.server, zone, patience);
          if (textOf(seen) !== textOf(entry.seen)) context.out(`${printPeer(entry.server)} ${textOf(seen)}`);
          entry.seen = seen;
        }),
      );
      const late = lagging(watched, serial);
      if (late.length === 0) break;
      const left = end - performance.now();
      if (left <= 0) return context.fail(lateFault(late, zone, serial, timeout));
      await pause(Math.min(INTERVAL, left));
    }
    context.out(`zone ${plainName(zone)} is served by ${watched.map(({ server }) => printPeer(server)).join(', ')}`);
    return EXIT.done;
  },
});
