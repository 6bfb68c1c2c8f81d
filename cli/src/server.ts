/**
 * The server a tool talks to: from what stands on the command line to a reply, or to a fault whose kind says how the tool ends.
 * A host name stands for all of its addresses, which are tried one after the other until one answers.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { canonicalAddress, type Peer, printPeer } from '@zonewright/common/net/address';
import { exchange } from '@zonewright/common/net/exchange';
import type { ExchangeFault } from '@zonewright/common/net/fault';
import type { TlsClient } from '@zonewright/common/net/tls-client';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { parseEndpoint } from '@zonewright/common/service/endpoint';
import { printRcode, RCODE } from '@zonewright/common/wire/code';
import { type Edns, extendedErrorText, UDP_SIZE } from '@zonewright/common/wire/edns';
import type { Message } from '@zonewright/common/wire/message';
import type { TsigKey } from '@zonewright/common/wire/tsig';

/** Offered with each request, so that the server may say in words why it refuses (RFC 8914). */
export const EDNS: Edns = { udpSize: UDP_SIZE, version: 0, dnssecOk: false, options: [] };

/** The addresses of `HOST[:PORT]`, HOST an IP address or a host name. At least one. */
export async function resolveServer(text: string, defaultPort: number): Promise<Result<readonly Peer[], Fault>> {
  const endpoint = parseEndpoint(text, defaultPort);
  if (!endpoint.ok) return endpoint;
  const { host, port } = endpoint.value;
  if (isIP(host) !== 0) return ok([{ address: canonicalAddress(host), port }]);
  try {
    const found = await lookup(host, { all: true });
    const peers = found.map(({ address }) => ({ address: canonicalAddress(address), port }));
    if (peers.length > 0) return ok(peers);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const what = code === 'ENOTFOUND' ? `there is no host ${host}` : `the address of ${host} cannot be found: ${code}`;
    return fail({ kind: 'unreachable', what, hint: 'give an IP address' });
  }
  return fail({ kind: 'unreachable', what: `host ${host} has no address` });
}

export interface Ask {
  readonly message: Message;
  readonly key?: TsigKey;
  readonly transport: 'udp' | 'tcp' | 'auto';
  /** Over TLS then, whatever the transport. */
  readonly tls?: TlsClient;
  /** ms a try. */
  readonly timeout?: number;
  /** Called with each address before it is asked. */
  onServer?(server: Peer): void;
}

export interface Reply {
  readonly server: Peer;
  readonly message: Message;
}

/** Asks the first of the addresses that answers. The fault is that of the last one. */
export async function ask(servers: readonly Peer[], { onServer, ...request }: Ask): Promise<Result<Reply, Fault>> {
  let last: Fault = { kind: 'unreachable', what: 'the server has no address' };
  for (const server of servers) {
    onServer?.(server);
    const reply = await exchange({ ...request, server });
    if (reply.ok) return ok({ server, message: reply.value });
    last = exchangeFault(reply.fault, server);
    if (last.kind !== 'unreachable' && last.kind !== 'timeout') break;
  }
  return fail(last);
}

/** A fault of an exchange with the kind that gives the right exit code. */
export function exchangeFault(fault: ExchangeFault, server: Peer): Fault {
  const hint = fault.hint === undefined ? {} : { hint: fault.hint };
  if (fault.kind === 'closed') return { ...fault, kind: 'unreachable' };
  // Refused, or not to be believed: either way the server did not do it for this key.
  if (fault.kind === 'tsig') return { kind: 'refused', what: `${printPeer(server)}: ${fault.what}`, ...hint };
  return fault;
}

/** Why a reply is not the one hoped for; `undefined` for NOERROR. */
export function refusal({ message, server }: Reply, request: string): Fault | undefined {
  if (message.rcode === RCODE.NOERROR) return undefined;
  const text = extendedErrorText(message.edns);
  const reason = text === undefined ? '' : `: ${text}`;
  return {
    kind: 'refused',
    what: `${printPeer(server)} answers the ${request} with ${printRcode(message.rcode)}${reason}`,
  };
}
