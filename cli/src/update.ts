/**
 * `zonewright update`: points a host name at addresses, by one signed UPDATE (RFC 2136 2.5.2, 2.5.1).
 *
 * The sets A and AAAA are replaced as a whole, but only those of a family that an address is given of. The zone section names
 * what the key covers, as in the original: the key says it, and needs no question to the server. A key whose name says nothing
 * of the zone - one for all zones, one of another kind of server - has the server asked for the zone of the host.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { keyScope, parseTsigKey } from '@zonewright/common/authority/key';
import { Name } from '@zonewright/common/name';
import { canonicalAddress, type Peer, printPeer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import { parseIpv4, parseIpv6 } from '@zonewright/common/rr/encoding';
import { MAX_TTL, type ResourceRecord } from '@zonewright/common/rr/record';
import { printType, TYPE } from '@zonewright/common/rr/type';
import { EXIT } from '@zonewright/common/service/exit';
import { defineCommand } from '@zonewright/common/service/options';
import { wholeNumber } from '@zonewright/common/service/service-options';
import { OPCODE } from '@zonewright/common/wire/code';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import { securedBy, TLS_OPTIONS } from './secure.ts';
import { type Ask, ask, EDNS, refusal, resolveServer } from './server.ts';
import { PORT, parseName, parseTimeout, plainName, SERVER } from './words.ts';

interface Address {
  readonly type: number;
  readonly text: string;
  readonly rdata: Uint8Array;
}

function parseAddress(text: string): Result<Address, Fault> {
  const v4 = isIPv4(text) ? parseIpv4(text) : undefined;
  if (v4 !== undefined) return ok({ type: TYPE.A, text, rdata: v4 });
  const v6 = isIPv6(text) ? parseIpv6(text) : undefined;
  if (v6 !== undefined) return ok({ type: TYPE.AAAA, text: canonicalAddress(text), rdata: v6 });
  return fail({ kind: 'usage', what: `"${text}" is no IP address`, hint: 'for example 192.0.2.1 or 2001:db8::1' });
}

/** The zone of the host as the server says: the owner of the SOA that its answer holds or denies with (RFC 2308 2.1). */
async function zoneOf(host: Name, servers: readonly Peer[], tls: Pick<Ask, 'tls'>): Promise<Result<Name, Fault>> {
  const message = {
    ...emptyMessage(0, OPCODE.QUERY),
    questions: [{ name: host, type: TYPE.SOA, class: CLASS.IN }],
    edns: EDNS,
  };
  const reply = await ask(servers, { message, transport: 'auto', ...tls });
  if (!reply.ok) return reply;
  const soa = [...reply.value.message.answers, ...reply.value.message.authorities].find(
    ({ type }) => type === TYPE.SOA,
  );
  if (soa !== undefined && host.isSubdomainOf(soa.name)) return ok(soa.name);
  const why = refusal(reply.value, 'question for its zone');
  return fail(why ?? { kind: 'refused', what: `${printPeer(reply.value.server)} does not know the zone of ${host}` });
}

/** The name for the zone section. */
async function scopeOf(
  key: TsigKey,
  host: Name,
  servers: readonly Peer[],
  tls: Pick<Ask, 'tls'>,
): Promise<Result<Name, Fault>> {
  const scope = keyScope(key.name);
  if (scope === undefined || scope.zone.equals(Name.root)) return zoneOf(host, servers, tls);
  if (host.isSubdomainOf(scope.zone)) return ok(scope.zone);
  const what = `key ${plainName(key.name)} covers ${scope.zone}, where ${host} is not`;
  return fail({ kind: 'usage', what, hint: 'take another key, or write the host name in full' });
}

function updateMessage(zone: Name, host: Name, ttl: number, addresses: readonly Address[]): Message {
  const types = [...new Set(addresses.map(({ type }) => type))].sort((a, b) => a - b);
  const removal = (type: number): ResourceRecord => ({
    name: host,
    type,
    class: CLASS.ANY,
    ttl: 0,
    rdata: new Uint8Array(0),
  });
  const addition = ({ type, rdata }: Address): ResourceRecord => ({ name: host, type, class: CLASS.IN, ttl, rdata });
  return {
    ...emptyMessage(0, OPCODE.UPDATE),
    questions: [{ name: zone, type: TYPE.SOA, class: CLASS.IN }],
    authorities: [...types.map(removal), ...addresses.map(addition)],
    edns: EDNS,
  };
}

export const command = defineCommand({
  name: 'update',
  aliases: ['oupdate'],
  summary: 'point a name at addresses',
  description:
    'Replaces the A records of a name by the IPv4 addresses given, the AAAA records by the IPv6 addresses given.',
  arguments: [
    SERVER,
    {
      name: '<KEY>',
      description: 'NAME:ALG:SECRET, or @FILE to read it from there',
      secret: true,
      parse: parseTsigKey,
    },
    { name: '<HOSTNAME>', description: 'the name, at or below the zone of the key', parse: parseName },
    { name: '<ADDRESS...>', description: 'IPv4 or IPv6 address', parse: parseAddress },
  ],
  options: [
    PORT,
    {
      flag: '--ttl <SECONDS>',
      description: 'how long others may keep them',
      default: '60',
      parse: wholeNumber(0, MAX_TTL),
    },
    { flag: '--timeout <S>', description: 'seconds to wait for the answer', default: '30', parse: parseTimeout },
    ...TLS_OPTIONS,
  ],
  async run({ server, key, hostname, address, port, ttl, timeout, ...words }, context) {
    const secured = await securedBy(words, server, port);
    if (!secured.ok) return context.fail(secured.fault);
    const tls = secured.value.tls === undefined ? {} : { tls: secured.value.tls };
    const peers = await resolveServer(server, secured.value.port);
    if (!peers.ok) return context.fail(peers.fault);
    const zone = await scopeOf(key, hostname, peers.value, tls);
    if (!zone.ok) return context.fail(zone.fault);
    const message = updateMessage(zone.value, hostname, ttl, address);
    const reply = await ask(peers.value, {
      message,
      key,
      transport: 'tcp',
      ...tls,
      timeout,
      onServer(peer) {
        for (const { type, text } of address)
          context.out(
            `updating to ${printPeer(peer)} zone ${plainName(zone.value)} ${printType(type)} ${ttl} ${plainName(hostname)} ${text}`,
          );
      },
    });
    if (!reply.ok) return context.fail(reply.fault);
    const refused = refusal(reply.value, 'update');
    if (refused !== undefined) return context.fail(refused);
    context.out('successful and signed update!');
    return EXIT.done;
  },
});
