/**
 * BIND's `dig` and `nsupdate` as a test's client: a second opinion on every reply, read from what dig prints.
 *
 * The parser reads the sections of one reply, or the records of one transfer. It leaves out +short, +yaml, +multiline and
 * several queries in one call.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Owner, temporaryFolder } from './owner.ts';
import { type Place, type Ran, run } from './process.ts';

/** A key as Zonewright's options take it: `NAME:ALG:SECRET`. */
export type KeyText = string;

/** A record as dig prints it; `data` in presentation form, fields separated by one space. */
export interface DigRecord {
  readonly name: string;
  /** Seconds. */
  readonly ttl: number;
  readonly class: string;
  readonly type: string;
  readonly data: string;
}

export interface DigReply {
  /** The RCODE's mnemonic, `NO REPLY`, or for a transfer `NOERROR` or `TRANSFER FAILED`. */
  readonly status: string;
  readonly opcode: string | undefined;
  readonly id: number | undefined;
  /** The header's flags as dig writes them: `qr aa tc rd ra ad cd`. */
  readonly flags: readonly string[];
  /** The header's counts; all 0 where there is no header (transfers, no reply). */
  readonly counts: Readonly<Record<'query' | 'answer' | 'authority' | 'additional', number>>;
  readonly question: readonly { readonly name: string; readonly class: string; readonly type: string }[];
  readonly answer: readonly DigRecord[];
  readonly authority: readonly DigRecord[];
  readonly additional: readonly DigRecord[];
  /** The lines of the OPT pseudosection without their `; `, such as `EDNS: version: 0, flags: do; udp: 1232`, `EDE: 18 (Prohibited)`. */
  readonly edns: readonly string[];
  /** The TSIG record of the reply, or `undefined` where it has none; of a transfer, the last one. */
  readonly tsig: DigRecord | undefined;
  /** Whether dig found no fault in the signature. True also where the request had no key. */
  readonly isVerified: boolean;
  /** Messages and octets of a transfer. */
  readonly transfer: { readonly records: number; readonly messages: number; readonly octets: number } | undefined;
  /** dig's exit code: 0 a reply of any RCODE, 9 none. */
  readonly code: number | null;
  /** Everything dig printed. */
  readonly text: string;
}

/** Splits `NAME:ALG:SECRET` as BIND's configuration wants it. Throws where it is none. */
export const keyParts = (
  key: KeyText,
): { readonly name: string; readonly algorithm: string; readonly secret: string } => {
  const [name, algorithm, secret, ...more] = key.split(':');
  if (!name || !algorithm || !secret || more.length > 0) throw new Error('a key is written NAME:ALG:SECRET');
  return { name, algorithm: `hmac-${algorithm.toLowerCase().replace(/^hmac-/, '')}`, secret };
};

/** A key as a clause of `named.conf`, which is also the format of a key file. */
export const keyClause = (key: KeyText): string => {
  const { name, algorithm, secret } = keyParts(key);
  return `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };\n`;
};

/** Writes a key file only its user can read, for `-k` of dig and nsupdate. It is removed with its owner. */
export const keyFile = (owner: Owner, key: KeyText): string => {
  const file = join(temporaryFolder(owner, 'key'), 'tsig.key');
  writeFileSync(file, keyClause(key), { mode: 0o600 });
  return file;
};

const recordIn = (line: string): DigRecord | undefined => {
  const [, name, ttl, rrClass, type, data] = /^(\S+)\s+(\d+)\s+(\S+)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
  if (name === undefined || ttl === undefined || rrClass === undefined || type === undefined) return undefined;
  return { name, ttl: Number(ttl), class: rrClass, type, data: (data ?? '').trim() };
};

/** Reads what dig printed for one query. */
export const parseDig = (text: string, code: number | null = 0): DigReply => {
  const sections = new Map<string, string[]>();
  let section: string[] = [];
  sections.set('ANSWER', section);
  for (const line of text.split('\n')) {
    const [, opened] = /^;; (\w+) (?:PSEUDO)?SECTION:$/.exec(line) ?? [];
    if (opened !== undefined) {
      section = [];
      sections.set(opened, section);
    } else if (line !== '' && !line.startsWith(';;')) section.push(line);
  }
  const all = (name: string): DigRecord[] => (sections.get(name) ?? []).flatMap((line) => recordIn(line) ?? []);
  // In a transfer dig prints the TSIG record among the others.
  const records = (name: string): DigRecord[] => all(name).filter(({ type }) => type !== 'TSIG');
  const comments = (name: string): string[] =>
    (sections.get(name) ?? [])
      .filter((line) => line.startsWith(';'))
      .map((line) => line.replace(/^;\s*/, '').trimEnd());

  const [, opcode, rcode, id] = /^;; ->>HEADER<<- opcode: (\S+), status: (\S+), id: (\d+)/m.exec(text) ?? [];
  const [, flags, counts] = /^;; flags:([^;]*); (.*)$/m.exec(text) ?? [];
  const count = (name: string): number => Number(new RegExp(`\\b${name}: (\\d+)`).exec(counts ?? '')?.[1] ?? 0);
  const size = /^;; XFR size: (\d+) records \(messages (\d+), bytes (\d+)\)/m.exec(text);
  const failed = /^; Transfer failed\./m.test(text);
  return {
    status: rcode ?? (failed ? 'TRANSFER FAILED' : size === null ? 'NO REPLY' : 'NOERROR'),
    opcode,
    id: id === undefined ? undefined : Number(id),
    flags: (flags ?? '').split(' ').filter((flag) => flag !== ''),
    counts: {
      query: count('QUERY'),
      answer: count('ANSWER'),
      authority: count('AUTHORITY'),
      additional: count('ADDITIONAL'),
    },
    question: comments('QUESTION').flatMap((line) => {
      const [name, rrClass, type] = line.split(/\s+/);
      return name === undefined || rrClass === undefined || type === undefined ? [] : [{ name, class: rrClass, type }];
    }),
    answer: records('ANSWER'),
    authority: records('AUTHORITY'),
    additional: records('ADDITIONAL'),
    edns: comments('OPT'),
    tsig: [...all('TSIG'), ...all('ANSWER')].findLast(({ type }) => type === 'TSIG'),
    isVerified: !/^;; (?:WARNING -- Some TSIG could not be validated|Couldn't verify signature)/m.test(text),
    transfer:
      size === null ? undefined : { records: Number(size[1]), messages: Number(size[2]), octets: Number(size[3]) },
    code,
    text,
  };
};

export interface DigOptions {
  readonly server: string;
  readonly port?: number;
  /** The query and dig's own options: `['www.example', 'AAAA', '+tcp']`, `['example', 'IXFR=7']`. */
  readonly args: readonly string[];
  /** Signs the query. Needs `owner`, which the key file is removed with. */
  readonly key?: KeyText;
  readonly owner?: Owner;
  readonly within?: Place;
}

const withKey = (owner: Owner | undefined, key: KeyText | undefined): string[] => {
  if (key === undefined) return [];
  if (owner === undefined) throw new Error('a key needs an owner for its file');
  return ['-k', keyFile(owner, key)];
};

/** Asks once (no retry, half a minute) without recursion desired, ignoring the user's `.digrc`; `args` may say otherwise. */
export const dig = async (options: DigOptions): Promise<DigReply> => {
  const { server, port = 53, args, key, owner, within } = options;
  const asked = ['-r', `@${server}`, '-p', `${port}`, ...withKey(owner, key)];
  const ran = await run('dig', [...asked, '+tries=1', '+time=30', '+norecurse', '+nocmd', ...args], {
    ...(within && { within }),
    timeout: 60_000,
  });
  return parseDig(ran.stdout + ran.stderr, ran.code);
};

export interface UpdateOptions {
  readonly server: string;
  readonly port?: number;
  readonly key?: KeyText;
  readonly owner?: Owner;
  /** nsupdate's commands, such as `['zone example', 'add www.example 300 A 192.0.2.1']`; `send` is added at the end. */
  readonly commands: readonly string[];
  /** Sends over TCP. */
  readonly tcp?: boolean;
  readonly within?: Place;
}

/** Runs nsupdate. `code` is 0 for NOERROR, 2 for another RCODE or no reply; the text says `update failed: REFUSED`. */
export const nsupdate = async (options: UpdateOptions): Promise<Ran & { readonly text: string }> => {
  const { server, port = 53, key, owner, commands, tcp = false, within } = options;
  const args = ['-t', '60', '-u', '60', '-r', '0', ...(tcp ? ['-v'] : []), ...withKey(owner, key)];
  const input = [`server ${server} ${port}`, ...commands, 'send', ''].join('\n');
  const ran = await run('nsupdate', args, { input, ...(within && { within }) });
  return { ...ran, text: ran.stdout + ran.stderr };
};
