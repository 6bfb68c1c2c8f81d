/**
 * Fetching a branch (gitprotocol-pack(5), "Packfile Negotiation").
 *
 * The first fetch takes the tip alone (`deepen 1`); later ones name the tip that is there and take what is new, also after a
 * force push. Everything is sent in one request that ends in `done`, so stateless and stateful transports are the same.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from './durable.ts';
import { Failure, quoteRemote } from './fault.ts';
import type { ObjectStore } from './objects.ts';
import { FLUSH, PktReader, pktLine, SideBand } from './pkt-line.ts';
import type { ReceivedPack } from './received-pack.ts';
import { requestLines, type Session, type Transport } from './session.ts';
import type { Watch } from './watch.ts';

const CAPABILITIES = ['side-band-64k', 'ofs-delta'];

/**
 * Brings the tip of `branch` into `objects`, and returns it; `undefined` where the remote has no such branch. `have`: the tip that is
 * there already with all that it needs.
 */
export async function fetchTip(
  transport: Transport,
  watch: Watch,
  gitdir: string,
  objects: ObjectStore,
  branch: string,
  have: string | undefined,
): Promise<string | undefined> {
  const session = await transport.open('git-upload-pack', watch);
  let pack: ReceivedPack;
  let tip: string | undefined;
  try {
    const { refs, capabilities } = await session.advertisement();
    tip = refs.get(`refs/heads/${branch}`);
    if (tip === undefined || tip === have) return tip;
    pack = await requestPack(session, gitdir, objects, tip, have, capabilities);
    watch.rest();
  } finally {
    await session.close();
  }
  try {
    await pack.accept();
  } finally {
    await pack.close();
  }
  return tip;
}

async function requestPack(
  session: Session,
  gitdir: string,
  objects: ObjectStore,
  tip: string,
  have: string | undefined,
  offered: ReadonlySet<string>,
): Promise<ReceivedPack> {
  const capabilities = [...CAPABILITIES.filter((name) => offered.has(name)), 'agent=git/zonewright'].filter(
    (name) => !name.startsWith('agent=') || [...offered].some((other) => other.startsWith('agent=')),
  );
  const shallow = await readShallow(gitdir);
  const isShallow = offered.has('shallow');
  const wants = requestLines([`want ${tip}`], ' ', capabilities);
  if (isShallow) wants.push(...[...shallow].map((oid) => pktLine(`shallow ${oid}\n`)));
  const isFirst = isShallow && have === undefined;
  if (isFirst) wants.push(pktLine('deepen 1\n'));
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
  const pack = await objects.receive(data);
  await writeShallow(gitdir, shallow);
  return pack;
}

/** The commits whose parents are missing on purpose. */
async function readShallow(gitdir: string): Promise<Set<string>> {
  const text = await readFile(join(gitdir, 'shallow'), 'utf8').catch(() => '');
  return new Set(text.split('\n').filter((line) => /^[0-9a-f]{40}$/.test(line)));
}

async function writeShallow(gitdir: string, oids: ReadonlySet<string>): Promise<void> {
  const valid = [...oids].filter((oid) => /^[0-9a-f]{40}$/.test(oid)).sort();
  const before = await readShallow(gitdir);
  if (valid.length === before.size && valid.every((oid) => before.has(oid))) return;
  await writeDurably(join(gitdir, 'shallow'), valid.map((oid) => `${oid}\n`).join(''));
}
