/**
 * Pushing commits (gitprotocol-pack(5), "Pushing Data To a Server"): one branch, from one commit to one other, never by force.
 *
 * The command names the commit that the branch has to be at; the remote itself refuses it where that is no longer so. What is
 * new is sent as deltas against what the remote has, unless it says `no-thin`.
 */
import { readCommit, type Tree, takeWritten, type Written } from './commit.ts';
import { isWorthwhile, makeDelta } from './delta.ts';
import { Failure, quoteRemote } from './fault.ts';
import type { ObjectType } from './object.ts';
import { MAX_STRUCTURE, type ObjectStore } from './objects.ts';
import { PackWriter } from './pack-writer.ts';
import { FLUSH, PktReader, SideBand } from './pkt-line.ts';
import { requestLines, type Session, type Transport } from './session.ts';
import { step } from './step.ts';
import { parseTree } from './tree.ts';
import type { Watch } from './watch.ts';

const NO_COMMIT = '0'.repeat(40);
/** The most commits that one push takes along. */
const MAX_COMMITS = 10_000;
/** Blobs larger than this cannot have come from `commit`, in octets. */
const MAX_SENT_BLOB = 1024 ** 3;

/** What `report-status` says of a reference that somebody else has moved meanwhile, in the words of git's and other servers. */
const MOVED =
  /failed to (update|lock|write) ref|cannot lock ref|fetch first|non-fast-forward|not fast.?forward|stale|already exists|incorrect old value|reference (not found|missing)/i;

/** Moves `branch` of the remote from `parent` to `tree.commit`, whose objects are in `objects`. */
export async function pushCommits(
  transport: Transport,
  watch: Watch,
  objects: ObjectStore,
  branch: string,
  parent: string | undefined,
  tree: Tree,
): Promise<void> {
  const next = tree.commit;
  const written = takeWritten(tree);
  const ref = `refs/heads/${branch}`;
  const session = await transport.open('git-receive-pack', watch);
  try {
    const { refs, capabilities } = await session.advertisement();
    const now = refs.get(ref);
    if (now === next) return; // an earlier push, whose outcome was not known, has arrived
    if (now !== parent) throw new Failure('moved', `the branch ${branch} of the remote has moved`);
    watch.rest();
    const isThin = !capabilities.has('no-thin');
    const isAtHand = written !== undefined && written.parent === parent && isThin;
    const pack = isAtHand ? await packWritten(written) : await packCommits(objects, parent, next, isThin);
    watch.progress();
    const asked = ['report-status', 'side-band-64k', 'quiet'].filter((name) => capabilities.has(name));
    const command = requestLines([`${parent ?? NO_COMMIT} ${next} ${ref}`], '\0 ', asked);
    step('git.sending');
    await send(session, [...command, FLUSH, ...pack], ref, asked);
    step('git.sent');
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

/** A pack of what one commit brings, without a look at the disk. */
async function packWritten({ objects }: Written): Promise<readonly Uint8Array[]> {
  const pack = new PackWriter();
  for (const object of new Map(objects.map((each) => [each.oid, each])).values()) {
    if ('delta' in object) await pack.addDelta(object.oid, object.base, object.delta);
    else await pack.add(object.oid, object.type, object.content);
  }
  return pack.finish().parts;
}

/** A pack of what `next` has and `parent` has not, following first parents. Only root blobs differ between the two. */
async function packCommits(
  objects: ObjectStore,
  parent: string | undefined,
  next: string,
  isThin: boolean,
): Promise<readonly Uint8Array[]> {
  const commits: string[] = [];
  for (let at: string | undefined = next; at !== parent; at = readCommit(objects, at).parents[0]) {
    if (at === undefined || commits.length >= MAX_COMMITS)
      throw new Failure('usage', 'what is to be pushed does not follow from its parent');
    commits.push(at);
  }
  const pack = new PackWriter();
  const sent = new Set<string>();
  /** Adds an object, as a delta against `base` where that is shorter. */
  const add = async (oid: string, type: ObjectType, base: string | undefined): Promise<void> => {
    if (sent.has(oid)) return;
    sent.add(oid);
    const limit = type === 'blob' ? MAX_SENT_BLOB : MAX_STRUCTURE;
    const content = objects.readTyped(oid, type, limit);
    if (base !== undefined && base !== oid) {
      const delta = makeDelta(objects.readTyped(base, type, limit), content);
      if (isWorthwhile(delta, content)) return await pack.addDelta(oid, base, delta);
    }
    await pack.add(oid, type, content);
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
    await add(commit, 'commit', undefined);
    if (tree !== oldTree) await add(tree, 'tree', isThin ? oldTree : undefined);
    for (const entry of parseTree(objects.readTyped(tree, 'tree')).entries) {
      if (known.has(entry.oid)) continue;
      await add(entry.oid, 'blob', isThin ? old.get(`${entry.mode} ${entry.name}`) : undefined);
    }
    before = commit;
  }
  return pack.finish().parts;
}
