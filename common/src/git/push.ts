/**
 * Pushing commits (gitprotocol-pack(5), "Pushing Data To a Server"): one branch, from one commit to one other, never by force.
 *
 * The command names the commit that the branch has to be at; the remote itself refuses it where that is no longer so. What is
 * new is sent as deltas against what the remote has, unless it says `no-thin`.
 */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { readCommit } from './commit.ts';
import { makeDelta } from './delta.ts';
import { Failure, quoteRemote } from './fault.ts';
import type { ObjectType } from './object.ts';
import { MAX_STRUCTURE, type ObjectStore } from './objects.ts';
import { FLUSH, PktReader, SideBand } from './pkt-line.ts';
import { requestLines, type Session, type Transport } from './session.ts';
import { parseTree } from './tree.ts';
import type { Watch } from './watch.ts';

const NO_COMMIT = '0'.repeat(40);
const TYPE_CODES: Readonly<Record<ObjectType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };
const REF_DELTA = 7;
/** The most commits that one push takes along. */
const MAX_COMMITS = 10_000;
/** Blobs larger than this cannot have come from `commit`, in octets. */
const MAX_SENT_BLOB = 1024 ** 3;

/** What `report-status` says of a reference that somebody else has moved meanwhile, in the words of git's and other servers. */
const MOVED =
  /failed to (update|lock|write) ref|cannot lock ref|fetch first|non-fast-forward|not fast.?forward|stale|already exists|incorrect old value|reference (not found|missing)/i;

/** Moves `branch` of the remote from `parent` to `next`, whose objects are in `objects`. */
export async function pushCommits(
  transport: Transport,
  watch: Watch,
  objects: ObjectStore,
  branch: string,
  parent: string | undefined,
  next: string,
): Promise<void> {
  const ref = `refs/heads/${branch}`;
  const session = await transport.open('git-receive-pack', watch);
  try {
    const { refs, capabilities } = await session.advertisement();
    const now = refs.get(ref);
    if (now === next) return; // an earlier push, whose outcome was not known, has arrived
    if (now !== parent) throw new Failure('moved', `the branch ${branch} of the remote has moved`);
    watch.rest();
    const pack = packCommits(objects, parent, next, !capabilities.has('no-thin'));
    watch.progress();
    const asked = ['report-status', 'side-band-64k', 'quiet'].filter((name) => capabilities.has(name));
    const command = requestLines([`${parent ?? NO_COMMIT} ${next} ${ref}`], '\0 ', asked);
    await send(session, [...command, FLUSH, ...pack], ref, asked);
  } finally {
    await session.close();
  }
}

/** From the first octet of the command on, a lost connection leaves the outcome unknown. */
async function send(
  session: Session,
  body: readonly Uint8Array[],
  ref: string,
  asked: readonly string[],
): Promise<void> {
  const unknown = (why: string): Failure =>
    new Failure(
      'unknown',
      `the connection was lost while pushing (${why}): the commit may have arrived`,
      'fetch and look',
    );
  let report: Report;
  try {
    report = await readReport(await session.exchange(body), asked.includes('side-band-64k'));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.fault.kind === 'refused') throw error; // HTTP says so before it looks at the command
    throw unknown(error.fault.what);
  }
  const said = report.progress === '' ? '' : `: ${report.progress}`;
  if (report.unpack === undefined) throw unknown('no report came');
  if (report.unpack !== 'ok')
    throw new Failure('rejected', `the remote did not accept the objects (${quoteRemote(report.unpack)})${said}`);
  const status = report.refs.get(ref);
  if (status === undefined) throw unknown('the report does not name the branch');
  if (status === 'ok') return;
  if (MOVED.test(status)) throw new Failure('moved', `the branch of the remote has moved (${quoteRemote(status)})`);
  throw new Failure('rejected', `the remote declined the commit (${quoteRemote(status)})${said}`);
}

interface Report {
  readonly unpack: string | undefined;
  /** Reference to `ok`, or to why not. */
  readonly refs: ReadonlyMap<string, string>;
  readonly progress: string;
}

async function readReport(reply: AsyncIterable<Uint8Array>, hasSideBand: boolean): Promise<Report> {
  let reader = new PktReader(reply);
  const band = hasSideBand ? new SideBand(reader) : undefined;
  if (band !== undefined) reader = new PktReader(band.data());
  let unpack: string | undefined;
  const refs = new Map<string, string>();
  for (let line = await reader.read(); line !== 'flush' && line !== 'end'; line = await reader.read()) {
    const text = line.toString('utf8').replace(/\n$/, '');
    const [, word = '', name = '', reason = ''] = /^(\S+) (\S+)(?: (.*))?$/s.exec(text) ?? [];
    if (word === 'unpack') unpack = reason === '' ? name : `${name} ${reason}`;
    else if (word === 'ok') refs.set(name, 'ok');
    else if (word === 'ng') refs.set(name, reason === '' ? 'declined' : reason);
  }
  return { unpack, refs, progress: band?.progress ?? '' };
}

/** A pack of what `next` has and `parent` has not, following first parents. Only root blobs differ between the two. */
function packCommits(objects: ObjectStore, parent: string | undefined, next: string, isThin: boolean): Uint8Array[] {
  const commits: string[] = [];
  for (let at: string | undefined = next; at !== parent; at = readCommit(objects, at).parents[0]) {
    if (at === undefined || commits.length >= MAX_COMMITS)
      throw new Failure('usage', 'what is to be pushed does not follow from its parent');
    commits.push(at);
  }
  const entries: Uint8Array[] = [];
  const sent = new Set<string>();
  const add = (oid: string, type: ObjectType, base: string | undefined): void => {
    if (sent.has(oid)) return;
    sent.add(oid);
    const content = objects.readTyped(oid, type, type === 'blob' ? MAX_SENT_BLOB : MAX_STRUCTURE);
    const old =
      base === undefined || base === oid
        ? undefined
        : objects.readTyped(base, type, type === 'blob' ? MAX_SENT_BLOB : MAX_STRUCTURE);
    entries.push(...packEntry(type, content, base, old));
  };

  let before = parent;
  for (const commit of commits.reverse()) {
    const oldTree = before === undefined ? undefined : readCommit(objects, before).tree;
    const old = new Map<string, string>();
    const known = new Set<string>();
    if (oldTree !== undefined) {
      for (const entry of parseTree(objects.readTyped(oldTree, 'tree')).entries) {
        old.set(`${entry.mode} ${entry.name}`, entry.oid);
        known.add(entry.oid);
      }
    }
    const { tree } = readCommit(objects, commit);
    add(commit, 'commit', undefined);
    if (tree !== oldTree) add(tree, 'tree', isThin ? oldTree : undefined);
    for (const entry of parseTree(objects.readTyped(tree, 'tree')).entries) {
      if (known.has(entry.oid)) continue;
      add(entry.oid, 'blob', isThin ? old.get(`${entry.mode} ${entry.name}`) : undefined);
    }
    before = commit;
  }
  const header = Buffer.alloc(12);
  header.write('PACK');
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(sent.size, 8);
  const hash = createHash('sha1').update(header);
  for (const part of entries) hash.update(part);
  return [header, ...entries, hash.digest()];
}

/** One object of a pack, as a delta against `old` (named `base`) where that is shorter. */
function packEntry(
  type: ObjectType,
  content: Uint8Array,
  base: string | undefined,
  old: Uint8Array | undefined,
): Uint8Array[] {
  if (base !== undefined && old !== undefined) {
    const delta = makeDelta(old, content);
    if (delta.length < content.length / 2)
      return [entryHeader(REF_DELTA, delta.length), Buffer.from(base, 'hex'), deflateSync(delta)];
  }
  return [entryHeader(TYPE_CODES[type], content.length), deflateSync(content)];
}

function entryHeader(kind: number, size: number): Uint8Array {
  const octets = [(kind << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    octets[octets.length - 1]! |= 0x80;
    octets.push(rest & 0x7f);
  }
  return Uint8Array.from(octets);
}
