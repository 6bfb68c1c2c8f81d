/**
 * `zonewright hook post-receive`: tells servers of the zones that a push has changed. One NOTIFY makes a primary fetch the whole branch;
 * it is sent for each zone all the same, since the answer says what became of that one.
 *
 * Always holds: it ends within the time that it was given. The push is done already, and stays so whatever comes out here.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Key } from '@zonewright/common/authority/key';
import { fileZone, mentionsSoa } from '@zonewright/common/authority/zone-file';
import type { GitFault } from '@zonewright/common/git/fault';
import type { PushedObjects } from '@zonewright/common/git/pushed';
import { includesIn } from '@zonewright/common/master/include';
import type { Name } from '@zonewright/common/name';
import { printPeer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { EXIT, type ExitCode, exitCodeOf } from '@zonewright/common/service/exit';
import { keyFor } from './key-choice.ts';
import { notify } from './notification.ts';
import type { BranchMove } from './push.ts';
import { changesOf } from './push-changes.ts';
import { resolveServer } from './server.ts';
import { plainName } from './words.ts';

/** Zones that are told one by one. The others are fetched with them, and what became of them stands on the status page. */
const MAX_TOLD = 50;
/** NOTIFYs under way to one server. */
const MAX_TELLING = 10;

/** The zones that a move changes, and the domains of key files that it does. */
export function changedZones(objects: PushedObjects, move: BranchMove): Result<readonly Name[], GitFault> {
  const changes = changesOf(objects, move);
  if (!changes.ok) return changes;
  const { changed, including, before, after } = changes.value;
  const zones = new Map<string, Name>();
  for (const fileName of [...changed, ...including].sort()) {
    const role = fileZone(fileName);
    if (role.kind === 'other') continue;
    const versions = [after.files.get(fileName), before.files.get(fileName)];
    const name = role.kind === 'keys' ? role.domain : role.origin;
    if (role.kind === 'keys' || versions.some((oid) => isZone(objects, oid))) zones.set(name.key, name);
  }
  return ok([...zones.values()]);
}

/** `package.json` could be the name of a zone. One that cannot be read may be one. */
function isZone(objects: PushedObjects, oid: string | undefined): boolean {
  if (oid === undefined) return false;
  const read = objects.read(oid);
  if (!read.ok) return true;
  const [first] = includesIn(read.value);
  return first !== undefined || mentionsSoa(read.value);
}

export interface Told {
  readonly zone: Name;
  readonly key: Key;
}

/** Which zone is told with which key, and those for which there is none. */
export function assignKeys(
  zones: readonly Name[],
  keys: readonly Key[],
): { readonly told: readonly Told[]; readonly without: readonly Name[] } {
  const told: Told[] = [];
  const without: Name[] = [];
  for (const zone of zones) {
    const key = keyFor(zone, keys);
    if (key === undefined) without.push(zone);
    else told.push({ zone, key });
  }
  // Whatever the name: a server that may be told of one zone fetches all. Keys of all zones are changed like this.
  const [any] = keys;
  if (told.length === 0 && any !== undefined && without.some(({ isRoot }) => isRoot))
    return { told: [{ zone: any.zone, key: any }], without: without.filter(({ isRoot }) => !isRoot) };
  return { told, without };
}

/** What is said while servers are told. */
export interface Voice {
  out(line: string): void;
  fail(fault: Fault): ExitCode;
}

/**
 * Tells servers, side by side, within `limit` milliseconds. Gives the exit code: of several faults that of the first.
 *
 * @param servers `HOST[:PORT]`
 */
export async function tellServers(
  servers: readonly string[],
  defaultPort: number,
  told: readonly Told[],
  limit: number,
  voice: Voice,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const fail = (fault: Fault): void => {
    const found = voice.fail(fault);
    if (code === EXIT.done) code = found;
  };
  const late = new AbortController();
  const waiting = new Set(servers);
  const work = servers.map(async (server) => {
    for await (const said of telling(server, defaultPort, told, limit)) {
      // What comes later would stand behind the verdict.
      if (late.signal.aborted) return;
      if (said.ok) voice.out(said.value);
      else fail(said.fault);
    }
    waiting.delete(server);
  });
  await Promise.race([Promise.all(work), pause(limit, undefined, { signal: late.signal }).catch(() => undefined)]);
  late.abort();
  for (const server of waiting) fail({ kind: 'timeout', what: `${server} has not answered in ${limit / 1000} s` });
  return code;
}

/** What one server says, zone by zone. */
async function* telling(
  server: string,
  defaultPort: number,
  told: readonly Told[],
  timeout: number,
): AsyncGenerator<Result<string, Fault>, void, undefined> {
  const peers = await resolveServer(server, defaultPort);
  if (!peers.ok) return yield peers;
  const tell = async ({ zone, key }: Told): Promise<Result<string, Fault>> => {
    const reply = await notify(peers.value, { zone, key, timeout });
    if (reply.ok) return ok(`${printPeer(reply.value.server)}: zone ${plainName(zone)}: acknowledged`);
    return fail({ ...reply.fault, what: `zone ${plainName(zone)}: ${reply.fault.what}` });
  };
  // By the first, all are fetched; and who is not reached for it is not for the others.
  const [first, ...others] = told.slice(0, MAX_TOLD);
  const said = await tell(first!);
  yield said;
  if (!said.ok && exitCodeOf(said.fault) === EXIT.unreachable) return;
  for (let at = 0; at < others.length; at += MAX_TELLING)
    yield* await Promise.all(others.slice(at, at + MAX_TELLING).map(tell));
  if (told.length > MAX_TOLD) yield ok(`${server}: and ${told.length - MAX_TOLD} more zones, fetched with these`);
}
