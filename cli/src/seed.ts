/**
 * `zonewright seed`: a bare repository with a first zone and fresh keys, for who has none yet (`zonewright start`, compose.yaml).
 *
 * Below the folder come `zones.git`, the repository, and `keys/`, one file `NAME:ALG:SECRET` of mode 0600 for each key of the
 * zone, named like the key: what `--keys @FILE` and `--dns-key @FILE` read. The repository is the truth: where it has a commit
 * already it stays as it is, and only key files that miss or differ are written from it. Neither git nor a shell is needed.
 * Folders that are made are for their owner only; one that is there, as the volume of a container is, keeps its mode.
 * Left out: changing a repository that is there, and removing the files of keys that have left it.
 */
import { randomBytes } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { addressLabels, type Key, parseKey, printKey } from '@zonewright/common/authority/key';
import { keyFileName, readKeyFile, zoneFileName } from '@zonewright/common/authority/zone-file';
import { initBare } from '@zonewright/common/git/bare';
import { makeFolder, PRIVATE_FOLDER, writeDurably } from '@zonewright/common/git/durable';
import { type GitFault, type GitStore, openStore, type Tree } from '@zonewright/common/git/store';
import { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { parseAddress } from '@zonewright/common/service/endpoint';
import { EXIT } from '@zonewright/common/service/exit';
import { defineCommand } from '@zonewright/common/service/options';
import { parseName, plainName } from './words.ts';

const BRANCH = 'main';
const AUTHOR = { name: 'zonewright seed', email: 'zonewright' };
const SECRET_OCTETS = 32;
/** Names that begin with a dot, slash or minus, or hold a slash, are no good as the name of a file. */
const FILE_NAME = /^[\w*][\w.*-]{0,254}$/;

export interface SeedOptions {
  /** Holds `zones.git` and `keys/`; made, with mode 0700, if it does not exist. */
  readonly directory: string;
  readonly zone: Name;
  /** IP addresses of the name servers. */
  readonly primary: string;
  readonly secondaries: readonly string[];
  /** Of the first commit: seconds since 1970. */
  readonly time: number;
}

/** The names of the keys that a new repository gets. */
export interface SeedKeyNames {
  /** For the person: may change the zone. */
  readonly update: Name;
  /** For the ACME secondary. */
  readonly letsencrypt: Name;
  /** May only have the primary pull. */
  readonly notify: Name;
  /** `PRIMARY.SECONDARY._transfer.ZONE`, one for each secondary, in their order. */
  readonly transfers: readonly Name[];
}

export interface Seeded {
  /** Path of the bare repository, for `--remote`. */
  readonly repository: string;
  /** Path of the folder with the key files. */
  readonly keyFolder: string;
  /** Whether the repository got its first commit now. */
  readonly isNew: boolean;
  /** The keys of the zone, as the repository has them. */
  readonly keys: readonly Key[];
}

export type SeedFault = GitFault | { readonly kind: 'file'; readonly what: string; readonly hint?: string };

/** The names of the keys of a new repository; a fault where one does not fit into a domain name. */
export function seedKeyNames(
  options: Pick<SeedOptions, 'zone' | 'primary' | 'secondaries'>,
): Result<SeedKeyNames, SeedFault> {
  const under = (prefix: string) => Name.parse(options.zone.isRoot ? prefix : `${prefix}.${plainName(options.zone)}`);
  const secondaries = options.secondaries.map((address) =>
    under(`${addressLabels(options.primary)}.${addressLabels(address)}._transfer`),
  );
  const names = [
    under('personal._update'),
    under('letsencrypt._update'),
    under('monitor._notify'),
    ...secondaries,
  ].flatMap((name) => (name.ok ? [name.value] : []));
  const [update, letsencrypt, notify, ...transfers] = names;
  if (
    update === undefined ||
    letsencrypt === undefined ||
    notify === undefined ||
    transfers.length < secondaries.length
  )
    return fail({ kind: 'usage', what: `the name ${options.zone} is too long for the names of its keys` });
  return ok({ update, letsencrypt, notify, transfers });
}

/** The path of a key's file in the folder of {@link Seeded.keyFolder}. */
export function keyFilePath(keyFolder: string, key: Name): string {
  return join(keyFolder, plainName(key.toLowerCase()));
}

/** The first version of the zone file: for a person to read and go on with. */
function zoneText({ zone, primary, secondaries }: SeedOptions): string {
  const line = (owner: string, type: string, data: string): string => `${owner.padEnd(16)}${type.padEnd(6)}${data}`;
  const address = (owner: string, ip: string): string => line(owner, isIPv4(ip) ? 'A' : 'AAAA', ip);
  const others = secondaries.map((ip, index) => ({ owner: index === 0 ? 'secondary' : `secondary${index + 1}`, ip }));
  return `; The zone ${zone}
; Edit it, commit, push, and have the primary pull: zonewright notify --key KEY SERVER ${plainName(zone)}
; An UPDATE (zonewright update, nsupdate) changes only the lines it is about, and is a commit too.
$ORIGIN ${zone}
$TTL 3600

; The serial rises by itself where you leave it as it is. refresh, retry, expire, minimum: in seconds.
${line('@', 'SOA', 'ns hostmaster 1 16384 2048 1048576 300')}

; The name servers, and where they are.
${['ns', ...others.map(({ owner }) => owner)].map((owner) => line('@', 'NS', owner)).join('\n')}
${[address('ns', primary), ...others.map(({ owner, ip }) => address(owner, ip))].join('\n')}

; What they are there for.
${line('www', 'A', '192.0.2.80')}
${line('www', 'AAAA', '2001:db8::80')}
`;
}

function keyText(zone: Name, names: SeedKeyNames): string {
  const line = (name: Name): string => `${name} DNSKEY 0 3 163 ${randomBytes(SECRET_OCTETS).toString('base64')}`;
  return `; The keys of ${zone} Whoever can read this file can change the zone: keep the repository private.
; NAME DNSKEY 0 3 163 SECRET; the name says what the key may do. More of them: zonewright keygen tsig NAME

; May change everything.
${line(names.update)}
; The ACME secondary: publishes certificates.
${line(names.letsencrypt)}
; May have the primary pull.
${line(names.notify)}
${names.transfers.length === 0 ? '' : `; Secondaries: address of the primary, then that of the secondary.\n${names.transfers.map(line).join('\n')}\n`}`;
}

/** Writes the first commit, where there is none. */
async function firstCommit(store: GitStore, options: SeedOptions): Promise<Result<Tree, SeedFault>> {
  const names = seedKeyNames(options);
  if (!names.ok) return names;
  const commit = await store.commit(undefined, {
    files: new Map([
      [zoneFileName(options.zone), Buffer.from(zoneText(options))],
      [keyFileName(options.zone), Buffer.from(keyText(options.zone, names.value))],
    ]),
    author: AUTHOR,
    time: options.time,
    message: `${plainName(options.zone)}: a zone and its keys`,
  });
  if (!commit.ok) return commit;
  const pushed = await store.push(undefined, commit.value);
  return pushed.ok ? commit : pushed;
}

async function keysIn(store: GitStore, tree: Tree, zone: Name): Promise<Result<readonly Key[], SeedFault>> {
  const oid = tree.files.get(keyFileName(zone));
  if (oid === undefined) return ok([]);
  const octets = await store.read(oid);
  return octets.ok ? ok(readKeyFile(octets.value, zone).keys) : octets;
}

async function makeKeyFolder(path: string): Promise<Result<void, SeedFault>> {
  try {
    return ok(await makeFolder(path, PRIVATE_FOLDER));
  } catch (error) {
    return fail({ kind: 'file', what: `cannot make ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}` });
  }
}

async function writeKeyFile(folder: string, key: Key): Promise<Result<void, SeedFault>> {
  const path = keyFilePath(folder, key.name);
  // Keys of other names are used from the repository; nothing reads them from a file.
  if (!FILE_NAME.test(plainName(key.name))) return ok(undefined);
  try {
    const status = await lstat(path).catch(() => undefined);
    const isPrivate = status?.isFile() === true && (status.mode & 0o077) === 0;
    const known = isPrivate ? parseKey(await readFile(path, 'utf8')) : undefined;
    if (known?.ok !== true || printKey(known.value) !== printKey(key))
      await writeDurably(path, `${printKey(key)}\n`, 0o600);
    return ok(undefined);
  } catch (error) {
    return fail({ kind: 'file', what: `cannot write ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}` });
  }
}

/** Makes what is missing. Running it again changes nothing; where it was interrupted, it goes on. */
export async function seedRepository(options: SeedOptions): Promise<Result<Seeded, SeedFault>> {
  const repository = join(options.directory, 'zones.git');
  const keyFolder = join(options.directory, 'keys');
  const bare = await initBare(repository, BRANCH);
  if (!bare.ok) return bare;
  const opened = await openStore({ kind: 'local', path: repository, branch: BRANCH }, {});
  if (!opened.ok) return opened;
  const store = opened.value;
  try {
    const head = await store.fetch();
    if (!head.ok) return head;
    const isNew = head.value === undefined;
    const tree = head.value === undefined ? await firstCommit(store, options) : ok(head.value);
    if (!tree.ok) return tree;
    const keys = await keysIn(store, tree.value, options.zone);
    if (!keys.ok) return keys;
    const made = await makeKeyFolder(keyFolder);
    if (!made.ok) return made;
    for (const key of keys.value) {
      const written = await writeKeyFile(keyFolder, key);
      if (!written.ok) return written;
    }
    return ok({ repository, keyFolder, isNew, keys: keys.value });
  } finally {
    await store.close();
  }
}

export const command = defineCommand({
  name: 'seed',
  summary: 'make a repository with a first zone and its keys',
  description: `Makes zones.git in the folder, a bare repository with a zone and fresh keys, and writes the keys as files into keys/.
Nothing is changed where there is a repository with a commit already.`,
  arguments: [],
  options: [
    { flag: '--dir <DIR>', description: 'folder for zones.git and keys/', default: './data' },
    { flag: '--zone <ZONE>', description: 'the zone', default: 'mirage', parse: parseName },
    { flag: '--primary <IP>', description: 'address of the primary', default: '127.0.0.1', parse: parseAddress },
    {
      flag: '--secondary <IP>',
      description: 'address of a secondary, repeatable',
      default: '127.0.0.2',
      repeatable: true,
      parse: parseAddress,
    },
  ],
  async run({ dir, zone, primary, secondary }, context) {
    const time = Math.floor(Date.now() / 1000);
    const seeded = await seedRepository({ directory: dir, zone, primary, secondaries: secondary, time });
    if (!seeded.ok) return context.fail(seeded.fault satisfies Fault);
    const { repository, keyFolder, isNew, keys } = seeded.value;
    context.out(isNew ? `${repository}: made, with zone ${plainName(zone)}` : `${repository}: there already`);
    for (const { name } of keys) context.out(keyFilePath(keyFolder, name));
    return EXIT.done;
  },
});
