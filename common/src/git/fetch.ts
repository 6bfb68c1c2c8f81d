/**
 * Fetching a branch (gitprotocol-pack(5), "Packfile Negotiation").
 *
 * The first fetch takes the tip alone (`deepen 1`); later ones name the tip that is there and take what is new, also after a
 * force push. Older commits come when they are asked for (`deepen-relative`). Everything is sent in one request that ends in `done`,
 * so stateless and stateful transports are the same.
 */
import { Failure, quoteRemote } from './fault.ts';
import type { ObjectStore } from './objects.ts';
import { FLUSH, PktReader, pktLine, SideBand } from './pkt-line.ts';
import type { ReceivedPack } from './received-pack.ts';
import { requestLines, type Session, type Transport } from './session.ts';
import { readShallow, writeShallow } from './shallow.ts';
import { step } from './step.ts';
import type { Watch } from './watch.ts';

const CAPABILITIES = ['side-band-64k', 'ofs-delta'];

/** From where to where. */
export interface Route {
  readonly transport: Transport;
  readonly watch: Watch;
  readonly branch: string;
  readonly gitdir: string;
  readonly objects: ObjectStore;
  /** Is told what the remote can do. */
  readonly hears?: (capabilities: ReadonlySet<string>) => void;
}

/**
 * Brings the tip of the branch here, and returns it; `undefined` where the remote has no such branch. `have`: the tip that is there
 * already with all that it needs.
 */
export async function fetchTip(route: Route, have: string | undefined): Promise<string | undefined> {
  return await fetchPack(route, (tip, offered) => {
    if (tip === have) return undefined;
    const isFirst = offered.has('shallow') && have === undefined;
    return { have, ...(isFirst ? { depth: { commits: 1, isRelative: false } } : {}) };
  });
}

/** More commits than any history has (git's INFINITE_DEPTH). */
const ALL = 2_147_483_647;

/**
 * Brings `commits` older commits here, of each line of history that ends for want of them; all that there are where the remote cannot
 * count, or `commits` is `undefined`. `have`: as of {@link fetchTip}.
 */
export async function fetchOlder(route: Route, have: string, commits: number | undefined): Promise<void> {
  const tip = await fetchPack(route, (_, offered) => {
    if (!offered.has('shallow')) throw new Failure('refused', 'the remote does not send older commits');
    const isRelative = commits !== undefined && offered.has('deepen-relative');
    return { have, depth: { commits: isRelative ? commits : ALL, isRelative } };
  });
  if (tip === undefined) throw new Failure('moved', `the remote has no branch ${route.branch} any more`);
}

/** What is asked for beside the tip. */
interface Wish {
  readonly have: string | undefined;
  /** Commits of each line of history, counted from the tip, or (`isRelative`) from where it ends here. */
  readonly depth?: { readonly commits: number; readonly isRelative: boolean };
}

/** Brings what is wished for here; gives the tip that the branch has now. */
async function fetchPack(
  route: Route,
  wishOf: (tip: string, offered: ReadonlySet<string>) => Wish | undefined,
): Promise<string | undefined> {
  const { transport, watch, branch, gitdir } = route;
  const session = await transport.open('git-upload-pack', watch);
  let reply: Reply;
  let tip: string | undefined;
  try {
    const { refs, capabilities } = await session.advertisement();
    route.hears?.(capabilities);
    tip = refs.get(`refs/heads/${branch}`);
    const wish = tip === undefined ? undefined : wishOf(tip, capabilities);
    if (tip === undefined || wish === undefined) return tip;
    reply = await requestPack(session, route, tip, wish, capabilities);
    watch.rest();
  } finally {
    await session.close();
  }
  try {
    step('git.received');
    await reply.pack.accept();
    step('git.accepted');
    // Not before: commits must not count as having their parents here while these are not.
    await writeShallow(gitdir, reply.shallow);
  } finally {
    await reply.pack.close();
  }
  return tip;
}

interface Reply {
  readonly pack: ReceivedPack;
  /** The commits whose parents are missing from now on. */
  readonly shallow: ReadonlySet<string>;
}

async function requestPack(
  session: Session,
  { gitdir, objects }: Route,
  tip: string,
  { have, depth }: Wish,
  offered: ReadonlySet<string>,
): Promise<Reply> {
  const capabilities = CAPABILITIES.filter((name) => offered.has(name));
  if (depth?.isRelative === true) capabilities.push('deepen-relative');
  if ([...offered].some((name) => name.startsWith('agent='))) capabilities.push('agent=git/zonewright');
  const shallow = await readShallow(gitdir);
  const isShallow = offered.has('shallow');
  const wants = requestLines([`want ${tip}`], ' ', capabilities);
  if (isShallow) wants.push(...[...shallow].map((oid) => pktLine(`shallow ${oid}\n`)));
  if (depth !== undefined) wants.push(pktLine(`deepen ${depth.commits}\n`));
  const haves = have === undefined ? [] : [pktLine(`have ${have}\n`)];
  const reply = await session.exchange([Buffer.concat([...wants, FLUSH, ...haves, pktLine('done\n')])]);

  const reader = new PktReader(reply);
  let first: Buffer | undefined;
  let isAnswered = false;
  while (first === undefined) {
    const line = await reader.read();
    if (line === 'end') throw new Failure('unreachable', 'the connection was lost before the remote sent its objects');
    if (line === 'flush') continue; // after the shallow lines
    const text = line.toString('utf8').trimEnd();
    if (text.startsWith('ERR '))
      throw new Failure('unreachable', `the remote cannot send the branch: ${quoteRemote(text.slice(4))}`);
    const [word = '', oid = ''] = text.split(' ');
    if (word === 'shallow') shallow.add(oid);
    else if (word === 'unshallow') shallow.delete(oid);
    else if (word === 'ACK' || word === 'NAK') isAnswered = true;
    else if (isAnswered && line[0]! <= 3) first = line;
    else throw new Failure('corrupt', 'the remote does not speak the git protocol');
    // Without a side band the pack follows the answer without framing.
    if (isAnswered && !capabilities.includes('side-band-64k')) break;
  }
  const data = capabilities.includes('side-band-64k') ? new SideBand(reader).data(first) : reader.rest();
  return { pack: await objects.receive(data), shallow };
}
