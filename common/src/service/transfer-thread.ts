/**
 * The thread that transfers zones in (`transfers.ts`): it asks the primary, decodes, verifies, builds and checks what comes, and applies
 * differences to the image of the version that is served, behind its end, where nobody reads.
 *
 * Always holds: of what comes to nothing nothing is left in the image. A bug fails the transfer that it was met in, and no other.
 */
import { serialize } from 'node:v8';
import { parentPort } from 'node:worker_threads';
import { Name } from '../name.ts';
import type { Peer } from '../net/address.ts';
import { KeptStreams } from '../net/kept-streams.ts';
import type { TlsClient, TlsTrust } from '../net/tls-client.ts';
import { type Fault, ok, type Result } from '../result.ts';
import { TSIG_ALGORITHMS, type TsigKey } from '../wire/tsig.ts';
import type { Delta } from '../zone/delta.ts';
import { History } from '../zone/history.ts';
import { eraseBehind } from '../zone/image-erase.ts';
import { seedHashes } from '../zone/lookup-name.ts';
import { Zone, type ZoneHandle } from '../zone/zone.ts';
import { WorkGarbage } from './image-garbage.ts';
import { threadData } from './thread.ts';
import { transferNewer } from './transfer-in.ts';

/** A key that can be posted. */
interface PlainKey extends Pick<TsigKey, 'secret' | 'minMac'> {
  readonly name: Uint8Array;
  /** Its mnemonic. */
  readonly algorithm: string;
}

/** A zone to be transferred. Names are in wire form. */
export interface TransferRequest {
  readonly id: number;
  readonly origin: Uint8Array;
  /** What is served; nobody else changes its image until there is an answer. */
  readonly current: ZoneHandle | undefined;
  readonly server: Peer;
  readonly source: string | undefined;
  readonly tls: TlsTrust | undefined;
  readonly key: PlainKey;
}

/** What came. */
export interface Transferred {
  /** `undefined` when nothing is newer. */
  readonly version: TransferredVersion | undefined;
  /** Seconds until the copy that the primary has expires, where it says so. */
  readonly expire: number | undefined;
}

export interface TransferredVersion {
  readonly zone: ZoneHandle;
  /** As `delta-octets.ts` has them, those that a history keeps; `undefined` when the zone came whole. */
  readonly deltas: Uint8Array<ArrayBuffer> | undefined;
}

export type TransferAnswer =
  /** An IXFR came to nothing, and an AXFR is under way: the answer comes later. */
  | { readonly id: number; readonly vain: Fault }
  | { readonly id: number; readonly result: Result<Transferred, Fault> }
  /** A bug. */
  | { readonly id: number; readonly error: unknown };

const nameOf = (wire: Uint8Array): Name => {
  const name = Name.fromWire(wire);
  if (!name.ok) throw new Error(name.fault.what);
  return name.value;
};

const keyOf = ({ name, algorithm, ...key }: PlainKey): TsigKey => ({
  ...key,
  name: nameOf(name),
  algorithm: TSIG_ALGORITHMS.find(({ mnemonic }) => mnemonic === algorithm)!,
});

const streams = new KeptStreams();
/** The last there was: it is the same for all primaries, until a certificate is renewed, and connections are kept by it. */
let lastTls: { readonly trust: Uint8Array; readonly client: TlsClient } | undefined;

/** Node.js takes its time to load TLS, so it is loaded by who uses it. */
async function tlsOf(trust: TlsTrust): Promise<ReturnType<typeof TlsClient.open>> {
  const written = serialize(trust);
  if (lastTls !== undefined && written.equals(lastTls.trust)) return ok(lastTls.client);
  const { TlsClient } = await import('../net/tls-client.ts');
  const client = TlsClient.open(trust);
  if (client.ok) lastTls = { trust: written, client: client.value };
  return client;
}

async function transferred(request: TransferRequest): Promise<Result<Transferred, Fault>> {
  const { id, origin, current: handle, server, source } = request;
  const tls = request.tls && (await tlsOf(request.tls));
  if (tls?.ok === false) return tls;
  const route = {
    server,
    key: keyOf(request.key),
    ...(source === undefined ? {} : { source }),
    ...(tls === undefined ? {} : { tls: tls.value }),
  };
  const current = handle === undefined ? undefined : Zone.ofHandle(handle);
  let isNewer = false;
  try {
    const onVain = (vain: Fault): void => parentPort!.postMessage({ id, vain } satisfies TransferAnswer);
    const outcome = await transferNewer(route, nameOf(origin), current, { onVain, streams });
    if (!outcome.ok) return outcome;
    const { applied, expire } = outcome.value;
    if (applied === undefined) return ok({ version: undefined, expire });
    const { zone, deltas } = applied;
    const version = {
      zone: (zone.isWasteful ? zone.condensed() : zone).handle,
      deltas: deltas && writtenDeltas(deltas),
    };
    isNewer = true;
    return ok({ version, expire });
  } finally {
    if (handle !== undefined && !isNewer) eraseBehind(handle.image, current!.image.end);
  }
}

/** Those of the deltas that do not go beyond what is kept for a zone. */
function writtenDeltas(deltas: Iterable<Delta>): Uint8Array<ArrayBuffer> {
  const history = new History();
  for (const delta of deltas) history.add(delta);
  return history.written;
}

async function answer(request: TransferRequest): Promise<void> {
  const { id } = request;
  try {
    const result = await transferred(request);
    const deltas = result.ok ? result.value.version?.deltas : undefined;
    parentPort!.postMessage({ id, result } satisfies TransferAnswer, deltas === undefined ? [] : [deltas.buffer]);
  } catch (error) {
    parentPort!.postMessage({ id, error } satisfies TransferAnswer);
  }
  // What is handed over is mostly the image that was handed over before: who follows many updates would collect after each.
  garbage.rest();
}

const garbage = new WorkGarbage();
if (!seedHashes(await threadData<Uint8Array>())) throw new Error('names were hashed before the seed was there');
parentPort!.on('message', (request: TransferRequest) => void answer(request));
