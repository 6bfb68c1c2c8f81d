/**
 * The addresses of a zone's name servers (its NS records), found through the resolver of the system, or by asking one server.
 * That server's additional records count, then its answers; the addresses of names that it does not know come from the system.
 *
 * Always holds: one of which no address is found is not left out, for nobody could say then what all of them serve.
 */
import { lookup, resolveNs } from 'node:dns/promises';
import type { Name } from '@zonewright/common/name';
import { canonicalAddress, type Peer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import { printIpv4, printIpv6 } from '@zonewright/common/rr/encoding';
import { targetOf } from '@zonewright/common/rr/rdata';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import { ask, EDNS, type Reply, refusal } from './server.ts';
import { plainName } from './words.ts';

const HINT = 'name the servers with --server';

/** A name server, and its addresses as they were found. */
interface NameServer {
  /** Without final dot. */
  readonly host: string;
  readonly addresses: readonly string[];
}

/** All addresses of all name servers of the zone, each once, with `port`. `via`: whom to ask. One that has none is a fault, `unreachable`. */
export async function findServers(zone: Name, port: number, via?: Peer): Promise<Result<readonly Peer[], Fault>> {
  const found = via === undefined ? await fromSystem(zone) : await fromServer(zone, via);
  if (!found.ok) return found;
  if (found.value.length === 0)
    return fail({ kind: 'unreachable', what: `no name servers of zone ${plainName(zone)} are found`, hint: HINT });
  const lost = found.value.filter(({ addresses }) => addresses.length === 0).map(({ host }) => host);
  if (lost.length > 0) {
    const what = `no address is found of name servers of zone ${plainName(zone)}: ${lost.join(', ')}`;
    return fail({ kind: 'unreachable', what, hint: HINT });
  }
  const addresses = new Set(found.value.flatMap((each) => each.addresses.map(canonicalAddress)));
  return ok([...addresses].map((address) => ({ address, port })));
}

async function addressesOf(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    // Whatever the reason, there is nobody to be asked.
    return [];
  }
}

async function fromSystem(zone: Name): Promise<Result<readonly NameServer[], Fault>> {
  try {
    const hosts = await resolveNs(plainName(zone));
    return ok(await Promise.all(hosts.map(async (host) => ({ host, addresses: await addressesOf(host) }))));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return fail({
      kind: 'unreachable',
      what: `the name servers of ${zone} cannot be found: ${code ?? 'unknown'}`,
      hint: HINT,
    });
  }
}

function question(server: Peer, name: Name, type: number): Promise<Result<Reply, Fault>> {
  const message = {
    ...emptyMessage(0, OPCODE.QUERY),
    rd: true,
    questions: [{ name, type, class: CLASS.IN }],
    edns: EDNS,
  };
  return ask([server], { message, transport: 'auto' });
}

function addressesIn(records: readonly ResourceRecord[], host: Name): readonly string[] {
  const own = records.filter(({ name }) => name.equals(host));
  return own.flatMap(({ type, rdata }) =>
    type === TYPE.A ? [printIpv4(rdata)] : type === TYPE.AAAA ? [printIpv6(rdata)] : [],
  );
}

async function fromServer(zone: Name, server: Peer): Promise<Result<readonly NameServer[], Fault>> {
  const reply = await question(server, zone, TYPE.NS);
  if (!reply.ok) return reply;
  const { answers, additionals } = reply.value.message;
  const hosts = answers
    .filter(({ type, name }) => type === TYPE.NS && name.equals(zone))
    .map(({ type, rdata }) => targetOf(type, rdata));
  if (hosts.length === 0) {
    return fail(
      refusal(reply.value, 'question for the name servers') ?? {
        kind: 'refused',
        what: `there are no name servers of ${zone}`,
        hint: HINT,
      },
    );
  }
  const addressesBy = async (host: Name): Promise<readonly string[]> => {
    const given = addressesIn(additionals, host);
    if (given.length > 0) return given;
    const replies = await Promise.all([TYPE.A, TYPE.AAAA].map((type) => question(server, host, type)));
    const answered = replies.flatMap((it) => (it.ok ? addressesIn(it.value.message.answers, host) : []));
    return answered.length > 0 ? answered : addressesOf(plainName(host));
  };
  const found = hosts.map(async (host) => ({ host: plainName(host), addresses: await addressesBy(host) }));
  return ok(await Promise.all(found));
}
