/**
 * The DNS server that has the zones, as its client: questions and signed updates (RFC 2136), each over a TCP connection of
 * its own, and questions to the other servers of a zone over UDP.
 *
 * Always holds: an update counts only if its reply was signed and says NOERROR.
 */
import type { Name } from '@zonewright/common/name';
import type { Peer } from '@zonewright/common/net/address';
import { printPeer } from '@zonewright/common/net/address';
import { exchange } from '@zonewright/common/net/exchange';
import type { ExchangeFault } from '@zonewright/common/net/fault';
import type { TlsClient } from '@zonewright/common/net/tls-client';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { printType, TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { extendedErrorText, UDP_SIZE } from '@zonewright/common/wire/edns';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import { printable } from './acme-problem.ts';

/**
 * Why the server did not do it: `unreachable` (no connection, or it was cut), `timeout`, `refused` (it answered with another
 * RCODE, or takes no signature of this key), `malformed` (not to be understood), `aborted` (by the caller).
 */
export interface DnsFault extends Fault {
  readonly kind: 'unreachable' | 'timeout' | 'refused' | 'malformed' | 'aborted';
  /** What everybody may read of it: neither who the server is nor what it says of itself. */
  readonly said: typeof SAID;
  /** Of the reply, where there is one. */
  readonly rcode?: number;
}

const SAID = 'the zone cannot be changed now';

export interface DnsClientOptions {
  readonly server: Peer;
  /** Signs everything sent to `server`; needed for updates. */
  readonly key?: TsigKey;
  /** Local address to ask `server` from. */
  readonly source?: string;
  /** How `server` is reached over TLS (RFC 7858), and in no other way then. */
  readonly tls?: TlsClient;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds for a reply over TCP; a server may push a commit before it answers. */
const TIMEOUT = 30_000;
const UDP_TIMEOUT = 1000;
const EDNS = { udpSize: UDP_SIZE, version: 0, dnssecOk: false, options: [] } as const;

const KIND: Readonly<Record<ExchangeFault['kind'], DnsFault['kind']>> = {
  unreachable: 'unreachable',
  closed: 'unreachable',
  timeout: 'timeout',
  malformed: 'malformed',
  aborted: 'aborted',
  tsig: 'refused',
};

const HINTS: ReadonlyMap<number, string> = new Map<number, string>([
  [RCODE.REFUSED, 'may the key do this?'],
  [RCODE.NOTAUTH, 'does the server have this zone, and the key?'],
  [RCODE.NOTZONE, 'is a part of the name in a zone of its own?'],
]);

function toFault({ kind, what, hint }: ExchangeFault): DnsFault {
  return { kind: KIND[kind], what, said: SAID, ...(hint !== undefined && { hint }) };
}

export class DnsClient {
  readonly server: Peer;
  readonly #key: TsigKey | undefined;
  readonly #source: string | undefined;
  readonly #tls: TlsClient | undefined;

  constructor({ server, key, source, tls }: DnsClientOptions) {
    this.server = server;
    this.#key = key;
    this.#source = source;
    this.#tls = tls;
  }

  /** The same server, asked without a signature. */
  unsigned(): DnsClient {
    const [source, tls] = [this.#source, this.#tls];
    return new DnsClient({ server: this.server, ...(source !== undefined && { source }), ...(tls && { tls }) });
  }

  /** The RDATA of a set, as the server has it now; empty where there is no such set or no such name. */
  async lookup(name: Name, type: number, options: CallOptions = {}): Promise<Result<readonly Uint8Array[], DnsFault>> {
    const reply = await this.#ask(question(name, type), options);
    return reply.ok ? rdatasIn(reply.value, name, type, this.server) : reply;
  }

  /** The same of another server, over UDP, unsigned, in one try. */
  async lookupAt(
    server: Peer,
    name: Name,
    type: number,
    { signal }: CallOptions = {},
  ): Promise<Result<readonly Uint8Array[], DnsFault>> {
    const reply = await exchange({
      server,
      message: question(name, type),
      timeout: UDP_TIMEOUT,
      tries: 1,
      ...(signal && { signal }),
    });
    return reply.ok ? rdatasIn(reply.value, name, type, server) : fail(toFault(reply.fault));
  }

  /** The apex of the zone that the server has `name` in: what an update has to name (RFC 2136 2.3). */
  async zoneOf(name: Name, options: CallOptions = {}): Promise<Result<Name, DnsFault>> {
    const reply = await this.#ask(question(name, TYPE.SOA), options);
    if (!reply.ok) return reply;
    const { answers, authorities, rcode } = reply.value;
    const soa = [...answers, ...authorities].find(
      ({ type, name: owner }) => type === TYPE.SOA && name.isSubdomainOf(owner),
    );
    if (soa !== undefined) return ok(soa.name);
    if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN)
      return fail(refusal(reply.value, `${name} SOA`, this.server));
    return fail({
      kind: 'refused',
      what: `${printPeer(this.server)} has no zone that ${name} is in`,
      said: SAID,
      rcode,
    });
  }

  /** One UPDATE: all of it or nothing. */
  async update(
    zone: Name,
    change: { readonly prerequisites?: readonly ResourceRecord[]; readonly operations: readonly ResourceRecord[] },
    options: CallOptions = {},
  ): Promise<Result<void, DnsFault>> {
    if (this.#key === undefined) throw new TypeError('an update without a key');
    const message: Message = {
      ...emptyMessage(0, OPCODE.UPDATE),
      questions: [{ name: zone, type: TYPE.SOA, class: CLASS.IN }],
      answers: change.prerequisites ?? [],
      authorities: change.operations,
      edns: EDNS,
    };
    const reply = await this.#ask(message, options);
    if (!reply.ok) return reply;
    if (reply.value.rcode === RCODE.NOERROR) return ok(undefined);
    return fail(refusal(reply.value, `the update of ${zone}`, this.server));
  }

  async #ask(message: Message, { signal }: CallOptions): Promise<Result<Message, DnsFault>> {
    const reply = await exchange({
      server: this.server,
      message,
      transport: 'tcp',
      timeout: TIMEOUT,
      ...(this.#key && { key: this.#key }),
      ...(this.#source !== undefined && { source: this.#source }),
      ...(this.#tls && { tls: this.#tls }),
      ...(signal && { signal }),
    });
    return reply.ok ? reply : fail(toFault(reply.fault));
  }
}

function question(name: Name, type: number): Message {
  return { ...emptyMessage(0, OPCODE.QUERY), questions: [{ name, type, class: CLASS.IN }], edns: EDNS };
}

function rdatasIn(reply: Message, name: Name, type: number, server: Peer): Result<readonly Uint8Array[], DnsFault> {
  if (reply.rcode !== RCODE.NOERROR && reply.rcode !== RCODE.NXDOMAIN) {
    return fail(refusal(reply, `${name} ${printType(type)}`, server));
  }
  return ok(reply.answers.filter((one) => one.type === type && one.name.equals(name)).map(({ rdata }) => rdata));
}

function refusal(reply: Message, subject: string, server: Peer): DnsFault {
  const text = extendedErrorText(reply.edns);
  const why = text === undefined ? '' : `: ${printable(text)}`;
  const what = `${printPeer(server)} answers ${printRcode(reply.rcode)} to ${subject}${why}`;
  const hint = HINTS.get(reply.rcode);
  return { kind: 'refused', what, said: SAID, rcode: reply.rcode, ...(hint !== undefined && { hint }) };
}
