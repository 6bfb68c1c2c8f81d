/**
 * One conversation with one service of a remote repository (gitprotocol-pack(5)): its references, then at most one request.
 *
 * `Transport` is the port; ssh, git:// and http(s) implement it. Every octet received is counted against one limit, and what comes
 * moves the operation's watch.
 */
import { Failure, quoteRemote, unreachable } from './fault.ts';
import { type PktReader, pktLine } from './pkt-line.ts';
import type { Watch } from './watch.ts';

export type Service = 'git-upload-pack' | 'git-receive-pack';

/** What a remote says of itself before anything is asked. */
export interface Advertisement {
  /** Reference name to object id (40 lower-case hexadecimal digits). */
  readonly refs: ReadonlyMap<string, string>;
  readonly capabilities: ReadonlySet<string>;
}

export interface Session {
  advertisement(): Promise<Advertisement>;
  /** Sends the one request; what is returned ends with the reply. Called at most once, after `advertisement`. */
  exchange(body: readonly Uint8Array[]): Promise<AsyncIterable<Uint8Array>>;
  /** Says goodbye where the protocol wants it, and frees the connection. Never fails. */
  close(): Promise<void>;
}

export interface Transport {
  /** The peer as text for faults: `10.0.42.1 port 22`. */
  readonly peer: string;
  open(service: Service, watch: Watch): Promise<Session>;
}

/** The most octets that are received in one operation. */
export const MAX_RECEIVED = 1024 ** 3;
const MAX_REFS = 200_000;
const OID = /^[0-9a-f]{40}$/;

/**
 * What is shorter than any pkt-line is no sign of life: a connection that drips ends as a silent one does. Whoever means to keep us
 * may still send the empty lines that git sends while it prepares a pack; the time of the whole operation ends that.
 */
const LEAST_PIECE = 4;

/** The chunks of a stream, with its errors as faults. */
export async function* received(
  stream: AsyncIterable<unknown>,
  peer: string,
  watch: Watch,
): AsyncGenerator<Uint8Array> {
  const source = stream[Symbol.asyncIterator]();
  let total = 0;
  try {
    for (let next = await source.next(); next.done !== true; next = await source.next()) {
      const chunk = next.value as Uint8Array;
      if (chunk.length >= LEAST_PIECE) watch.progress();
      total += chunk.length;
      if (total > MAX_RECEIVED) throw new Failure('limit', `${peer} sent more than ${MAX_RECEIVED} octets`);
      yield chunk;
    }
    // A stream that was ended here may end without an error.
    watch.signal.throwIfAborted();
  } catch (error) {
    if (watch.signal.aborted) throw watch.signal.reason;
    throw error instanceof Failure ? error : unreachable(peer, error);
  }
}

/** Reads an advertisement up to its flush. `undefined` where the stream ended before anything was said. */
export async function readAdvertisement(reader: PktReader, service: Service): Promise<Advertisement | undefined> {
  const refs = new Map<string, string>();
  const capabilities = new Set<string>();
  let isFirst = true;
  for (;;) {
    const line = await reader.read();
    if (line === 'end') {
      if (isFirst) return undefined;
      throw new Failure('unreachable', 'the connection was lost before the remote had named its branches');
    }
    if (line === 'flush') break;
    const text = line.toString('utf8').replace(/\n$/, '');
    if (text.startsWith('ERR ')) throw new Failure('refused', `the remote refused: ${quoteRemote(text.slice(4))}`);
    if (text === `# service=${service}`) {
      // Smart HTTP puts this line and a flush before the advertisement itself (gitprotocol-http(5)).
      if ((await reader.read()) !== 'flush') throw new Failure('corrupt', 'the remote does not speak the git protocol');
      continue;
    }
    if (text === 'version 1') continue;
    const [head = '', list = ''] = text.split('\0');
    if (isFirst) for (const capability of list.split(' ')) capabilities.add(capability);
    isFirst = false;
    const [oid = '', name = ''] = head.split(/ (.*)/s);
    if (head.startsWith('shallow ')) continue;
    if (!OID.test(oid)) throw unusual(oid);
    if (name === 'capabilities^{}') continue;
    if (refs.has(name) && name !== '.have') throw new Failure('corrupt', 'the remote names a branch twice');
    if (refs.size >= MAX_REFS) throw new Failure('limit', `the remote has more than ${MAX_REFS} references`);
    refs.set(name, oid);
  }
  return { refs, capabilities };
}

function unusual(oid: string): Failure {
  if (/^[0-9a-f]{64}$/.test(oid))
    return new Failure('usage', 'the repository uses SHA-256 object names, which are not supported');
  return new Failure('corrupt', 'the remote does not speak the git protocol');
}

/** The lines of a request, the first with `capabilities` behind it. */
export function requestLines(lines: readonly string[], separator: string, capabilities: readonly string[]): Buffer[] {
  return lines.map((line, index) =>
    pktLine(index === 0 ? `${line}${separator}${capabilities.join(' ')}\n` : `${line}\n`),
  );
}
