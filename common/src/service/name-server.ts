/**
 * A name server on its sockets: what the core decides (`authority/receive.ts`) is done here - replies are sent, transfers
 * streamed, and what changes something is given to the service. A fault in a hook becomes SERVFAIL and a log line.
 */
import { randomBytes } from 'node:crypto';
import type { Authority } from '../authority/authority.ts';
import { ClientAddress } from '../authority/client-address.ts';
import type { Key } from '../authority/key.ts';
import type { Outcome } from '../authority/outcome.ts';
import { RATE_MEMORY, type RateLimiter } from '../authority/rate-limit.ts';
import { receive, replyWith } from '../authority/receive.ts';
import { type RejectionReason, rejectionBy } from '../authority/rejection.ts';
import { type Refusal, ReplayTable } from '../authority/replay.ts';
import { type Request, relayedReply } from '../authority/request.ts';
import { Responder, type ResponderSettings } from '../authority/responder.ts';
import { requestedSerial } from '../authority/transfer.ts';
import type { Update } from '../authority/update.ts';
import type { Name } from '../name.ts';
import { type Peer, printPeer } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import type { ServeFault } from '../net/fault.ts';
import { LIMITS } from '../net/limits.ts';
import { listen, type TlsListening } from '../net/listen.ts';
import { type Fault, ok, type Result } from '../result.ts';
import { RCODE } from '../wire/code.ts';
import { EDE } from '../wire/edns.ts';
import { SIPHASH_KEY_OCTETS } from '../wire/siphash.ts';
import type { Delta } from '../zone/delta.ts';
import type { Zone } from '../zone/zone.ts';
import { ImageGarbage } from './image-garbage.ts';
import type { Log } from './log.ts';
import { Rejections } from './rejections.ts';
import { TransferQueue } from './transfer-queue.ts';
import type { Counts } from './udp-board.ts';
import type { UdpWay } from './udp-message.ts';
import { UdpWorkers, udpWay } from './udp-workers.ts';

/** What a hook answers: an RCODE and, for clients that speak EDNS, why (RFC 8914). */
export interface Verdict {
  readonly rcode: number;
  readonly ede?: { readonly code: number; readonly text: string };
}

/** SERVFAIL, and why. `code` from EDE. */
export function serverFailure(code: number, text: string): Verdict {
  return { rcode: RCODE.SERVFAIL, ede: { code, text } };
}

const BUSY = {
  'under-way': serverFailure(EDE.NOT_READY, 'too many requests are under way; try again'),
  remembered: serverFailure(EDE.NOT_READY, 'too many requests in a short time by this key; try again'),
} as const satisfies Record<Refusal, Verdict>;

/** What a service does beyond answering. */
export interface NameServerHooks {
  update(update: Update, from: Peer): Promise<Verdict>;
  /**
   * Passes an UPDATE on, as it is, and gives the reply as it came; where there is none, why. `isProven`: the address is known to be that of
   * the client.
   */
  forward?(octets: Uint8Array, zone: Name, from: Peer, isProven: boolean): Promise<Uint8Array | Verdict>;
  notify(request: Request, zone: Name, serial: number | undefined, from: Peer): Promise<Verdict>;
  /** What changed since a version that the history does not know; `undefined` where nobody knows, or not in time. */
  changesSince?(zone: Zone, serial: number): Promise<Delta | undefined>;
  /** A hidden secondary asked to be notified of `zone`, and all below it, on its connection. */
  register?(connection: Connection, key: Key, zone: Name): void;
  /** Somebody asks what changed in a zone since the version that he has. */
  asked?(zone: Name, key: Key | undefined, from: Peer, serial: number): void;
  /** Somebody has been sent a version of a zone, whole or by what changed. */
  sent?(zone: Name, key: Key | undefined, to: Peer, serial: number): void;
}

export interface NameServerOptions extends Pick<ResponderSettings, 'cookies' | 'rateLimit' | 'isRotating'> {
  /** Does a random secret for cookies take the place of the one before each day? It stays unless set. */
  readonly isSecretRenewed?: boolean;
  /** Empty: all addresses, IPv4 and IPv6. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** DNS over TLS, and transfers over TLS, beside the other port; none unless given. */
  readonly tls?: TlsListening;
  readonly authority: Authority;
  readonly hooks: NameServerHooks;
  readonly log: Log;
  /** Where requests of those who may not are counted; its own unless given. */
  readonly rejections?: Rejections;
  /** Threads that answer UDP, 1 or more; 1 unless given. */
  readonly udpWorkers?: number;
  /** `portable`: by `node:dgram` also where there is a faster way. */
  readonly udp?: 'auto' | 'portable';
}

export interface NameServer {
  /** Where it listens. */
  readonly bound: readonly Peer[];
  /** And where with TLS. */
  readonly boundTls: readonly Peer[];
  /** Responses above the rate limit so far: sent truncated, not sent. */
  readonly limited: Pick<RateLimiter, 'slipped' | 'dropped'>;
  /** Requests of those who may not, so far, by reason. */
  readonly rejections: readonly (readonly [RejectionReason, number])[];
  /** What the threads that answer UDP have counted so far. */
  readonly udp: UdpStatus;
  close(): Promise<void>;
}

export interface UdpStatus {
  readonly way: UdpWay;
  readonly threads: number;
  readonly counts: Counts;
}

type Transfer = Extract<Outcome, { kind: 'transfer' }>;
type Follows = NonNullable<Extract<Outcome, { kind: 'reply' }>['follows']>;

const NOTHING_LIMITED = { slipped: 0, dropped: 0 } as const;

/** Milliseconds after which a secret for cookies is replaced (RFC 7873 7.1). */
const SECRET_AGE = 86_400_000;

const seconds = (): number => Math.floor(Date.now() / 1000);
const steadySeconds = (): number => Math.floor(performance.now() / 1000);

/** A name server whose threads are being started, which takes time; it has no sockets yet. */
export interface PreparedNameServer {
  /** Begins to serve what is in the table of zones. */
  listen(): Promise<Result<NameServer, Fault>>;
  /** Ends all, also what listens. */
  close(): Promise<void>;
}

export function startNameServer(options: NameServerOptions): Promise<Result<NameServer, Fault>> {
  return prepareNameServer(options).listen();
}

/** Starts the threads while the caller gets the zones together. */
export function prepareNameServer(options: NameServerOptions): PreparedNameServer {
  let listening: Promise<Result<NameServer, Fault>> | undefined;
  const { authority, hooks, log, cookies, rateLimit, isRotating = false } = options;
  const settings: ResponderSettings = {
    ...(cookies === undefined ? {} : { cookies }),
    // All threads count in one table.
    ...(rateLimit === undefined ? {} : { rateLimit: { ...rateLimit, memory: new SharedArrayBuffer(RATE_MEMORY) } }),
    isRotating,
  };
  const responder = new Responder(authority, { ...settings, idleTime: LIMITS.tcpIdle.default });
  const replays = new ReplayTable<Verdict>();
  const client = new ClientAddress();
  const rejections = options.rejections ?? new Rejections(log);

  const comesFrom = ({ address }: Peer): void => {
    client.read(address);
    responder.from(client, Date.now());
  };

  const decide = async (outcome: Extract<Outcome, { kind: 'update' | 'notify' }>, from: Peer): Promise<Uint8Array> => {
    let verdict: Verdict = { rcode: RCODE.SERVFAIL };
    const run = (): Promise<Verdict> =>
      outcome.kind === 'update'
        ? hooks.update(outcome.update, from)
        : hooks.notify(outcome.request, outcome.zone, outcome.serial, from);
    try {
      const answer = replays.once(outcome.request, seconds(), steadySeconds(), run);
      verdict = typeof answer === 'string' ? BUSY[answer] : await answer;
    } catch (error) {
      log.error('process.fault', { during: outcome.kind, error });
    }
    const { rcode, ede } = verdict;
    if (outcome.kind === 'notify' && ede?.code === EDE.PROHIBITED)
      rejections.add(rejectionBy(outcome.request.key), ede.text, () => printPeer(from));
    const base = { now: seconds(), identity: authority.identity };
    return replyWith(outcome.request, rcode, ede === undefined ? base : { ...base, ede });
  };

  const forward = async (outcome: Extract<Outcome, { kind: 'forward' }>, from: Peer): Promise<Uint8Array> => {
    const base = () => ({ now: seconds(), identity: authority.identity });
    let verdict: Verdict = { rcode: RCODE.SERVFAIL };
    try {
      const answer = await hooks.forward?.(outcome.octets, outcome.zone, from, outcome.isProven);
      if (answer instanceof Uint8Array) return relayedReply(outcome.request, answer, base());
      verdict = answer ?? verdict;
    } catch (error) {
      log.error('process.fault', { during: 'forward', error });
    }
    const { rcode, ede } = verdict;
    // Who sent it is not known, and so the reply cannot be signed.
    return replyWith(outcome.request, rcode, ede === undefined ? base() : { ...base(), ede });
  };

  const explain = (outcome: Outcome, from: Peer): void => {
    if (outcome.kind !== 'reply' || outcome.what === undefined) return;
    if (outcome.rejection !== undefined) rejections.add(outcome.rejection, outcome.what, () => printPeer(from));
    else log.debug('request.refused', { peer: printPeer(from), what: outcome.what });
  };

  const notice = ({ kind, what, peer }: ServeFault): void => {
    if (kind === 'certificate')
      rejections.add({ reason: 'badcert' }, what, () => (peer === undefined ? '' : printPeer(peer)));
    else log.debug('net.fault', { what });
  };

  const note = ({ zone, serial, key, isSent }: Follows, from: Peer): void => {
    hooks.asked?.(zone.origin, key, from, serial);
    if (!isSent) return;
    hooks.sent?.(zone.origin, key, from, zone.serial);
    const fields = { zone: zone.origin.toString(), serial: zone.serial, form: 'IXFR', peer: printPeer(from) };
    log.info('transfer.out', { ...fields, key: key.name.toString(), messages: 1 });
  };

  const onDatagram = (octets: Uint8Array, from: Peer, reply: (octets: Uint8Array) => void): void => {
    comesFrom(from);
    const outcome = receive(responder, octets, 'udp', seconds());
    explain(outcome, from);
    if (outcome.kind === 'reply') {
      reply(outcome.octets);
      if (outcome.follows !== undefined) note(outcome.follows, from);
    } else if (outcome.kind === 'update' || outcome.kind === 'notify') void decide(outcome, from).then(reply);
    else if (outcome.kind === 'forward') void forward(outcome, from).then(reply);
  };

  const onMessage = (octets: Uint8Array, connection: Connection): void | Promise<void> => {
    comesFrom(connection.peer);
    const { transport } = connection;
    const length = responder.respond(octets, transport, seconds());
    if (length > 0 && responder.what === undefined) {
      connection.reply(responder.octets.subarray(0, length));
      return;
    }
    const outcome = receive(responder, octets, transport, seconds());
    explain(outcome, connection.peer);
    switch (outcome.kind) {
      case 'silence':
        return;
      case 'reply':
        connection.reply(outcome.octets);
        if (outcome.registers !== undefined)
          hooks.register?.(connection, outcome.registers.key, outcome.registers.zone);
        return;
      case 'transfer':
        return stream(outcome, connection);
      case 'forward':
        return forward(outcome, connection.peer).then((octets) => connection.reply(octets));
      default:
        return decide(outcome, connection.peer).then((octets) => connection.reply(octets));
    }
  };

  const contentOf = async ({
    zone,
    form,
    messages,
    sought,
  }: Transfer): Promise<Pick<Transfer, 'form' | 'messages'>> => {
    if (sought === undefined || hooks.changesSince === undefined) return { form, messages };
    try {
      const delta = await hooks.changesSince(zone, sought.serial);
      if (delta !== undefined) return { form: sought.formOf(delta), messages: sought.messages(delta) };
    } catch (error) {
      log.error('process.fault', { during: 'transfer', error });
    }
    return { form, messages };
  };

  const transfers = new TransferQueue();
  const stream = async (transfer: Transfer, connection: Connection): Promise<void> => {
    const { zone, signer, request } = transfer;
    const { key } = request;
    const serial = requestedSerial(request.message);
    if (serial !== undefined) hooks.asked?.(zone.origin, key, connection.peer, serial);
    const content = await contentOf(transfer);
    const messages = signer === undefined ? content.messages : signer.signAll(content.messages, seconds);
    const sent = await transfers.send(messages, connection);
    if (sent === undefined) return;
    hooks.sent?.(zone.origin, key, connection.peer, zone.serial);
    log.info('transfer.out', {
      zone: zone.origin.toString(),
      serial: zone.serial,
      form: content.form,
      peer: printPeer(connection.peer),
      key: key?.name.toString(),
      messages: sent,
    });
  };

  const starting = UdpWorkers.start({
    count: options.udpWorkers ?? 1,
    way: udpWay(options.udp ?? 'auto'),
    zones: authority.zones,
    id: authority.identity.id,
    settings,
    log,
    receive: onDatagram,
  });

  const open = async (): Promise<Result<NameServer, Fault>> => {
    const started = await starting;
    if (!started.ok) return started;
    const workers = started.value;
    workers.tell();
    const listening = await listen({
      ...(options.addresses.length === 0 ? {} : { addresses: options.addresses }),
      port: options.port,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      bindUdp: workers.bind,
      receiveTcp: onMessage,
      onFault: notice,
    });
    if (!listening.ok) {
      await workers.stop();
      return listening;
    }
    workers.serve();
    const unfollow = authority.zones.follow(new ImageGarbage('until-gone', () => responder.forget()));
    const servers = listening.value;
    const renew = (): void => {
      const secret = randomBytes(SIPHASH_KEY_OCTETS);
      responder.renewCookies(secret);
      workers.renewCookies(secret);
    };
    const renewal = options.isSecretRenewed === true ? setInterval(renew, SECRET_AGE).unref() : undefined;
    return ok({
      bound: servers.peers,
      boundTls: servers.tls.map(({ peer }) => peer),
      limited: responder.limiter ?? NOTHING_LIMITED,
      get rejections() {
        return rejections.counts;
      },
      udp: {
        way: workers.way,
        threads: workers.count,
        get counts() {
          return workers.counts;
        },
      },
      close: async () => {
        clearInterval(renewal);
        unfollow();
        await workers.stop();
        await servers.close();
      },
    });
  };

  return {
    listen: () => {
      listening ??= open();
      return listening;
    },
    close: async () => {
      const [started, server] = await Promise.all([starting, listening]);
      if (server?.ok) await server.value.close();
      else if (started.ok) await started.value.stop();
    },
  };
}
