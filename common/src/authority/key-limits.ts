/**
 * Limits of a key beyond what its name says, from a TXT record beside it in the key file:
 *
 *     dhcp._update.mirage.  DNSKEY 0 3 163 SECRET
 *     dhcp._update.mirage.  TXT "types=A,AAAA names=*.dyn,gate expires=2027-01-01"
 *
 * Words in any order, each once, separated by blanks; several strings of the record count as words too.
 *
 * - `types=LIST`: the types it may add and delete; of an `_update` key only. Deleting all of a name is allowed where the name has
 *   no others.
 * - `names=LIST`: the names it may change; of an `_update` key only. Relative to the key's zone unless they end in a dot; `@` is
 *   the zone's own; `*.NAME` is all below NAME, at every depth, and not NAME itself; `*` all below the zone.
 * - `expires=WHEN`: from then on it is no key. A date (its beginning in UTC) or an RFC 3339 time.
 * - `mac=full`: no truncated MACs (RFC 8945 5.2.4).
 * - `transport=tls`: transfers and updates with it go over TLS (RFC 9103) only; `transport=mtls`: and only with a client certificate.
 *
 * Always holds: what is malformed has no limits that could be taken for some: the key is then not in force. No fault repeats a
 * word of the record, which may be a secret in the wrong place.
 */
import { Name } from '../name.ts';
import { fail, ok, type Result } from '../result.ts';
import { txtStrings } from '../rr/txt.ts';
import { isMetaType, parseType, printType } from '../rr/type.ts';
import type { Key, KeyFault } from './key.ts';
import { DEMANDS, type DemandedTransport } from './transport.ts';

export interface KeyLimits {
  /** As written: two keys have the same limits when these are equal. */
  readonly text: string;
  /** All types unless given. */
  readonly types?: ReadonlySet<number>;
  /** All names unless given. */
  readonly names?: NameSet;
  /** Seconds since 1970. */
  readonly expires?: number;
  readonly isMacFull?: true;
  /** What transfers and updates have to come over at least; anything unless given. */
  readonly transport?: DemandedTransport;
}

/** Names and all that is below others. */
interface NameSet {
  /** {@link Name.key} of those that are in it themselves. */
  readonly exact: ReadonlySet<string>;
  /** Of those that all below is in it of. */
  readonly above: ReadonlySet<string>;
}

const HINT =
  'write TXT "types=A,AAAA names=*.dyn,host expires=2027-01-01 mac=full transport=tls", leaving out what is not wanted';

function limitFault(what: string, hint = HINT): Result<never, KeyFault> {
  return fail({ kind: 'key', what, hint });
}

/** The key with the limits of its TXT record, whose strings are read with a blank between them. */
export function withLimits(key: Key, rdata: Uint8Array): Result<Key, KeyFault> {
  return limitKey(key, txtStrings(rdata).join(' '));
}

/** The key with limits as {@link KeyLimits.text} has them. */
export function limitKey(key: Key, text: string): Result<Key, KeyFault> {
  const limits = readLimits(text, key);
  if (!limits.ok) return limitFault(`limits of key ${key.name}: ${limits.fault.what}`, limits.fault.hint);
  const limited = { ...key, limits: limits.value };
  return ok(limits.value.isMacFull ? { ...limited, minMac: key.algorithm.macOctets } : limited);
}

type Draft = { -readonly [Field in keyof KeyLimits]: KeyLimits[Field] };

/** What each word says; gives what is wrong with its value. */
const words: Readonly<Record<string, (value: string, key: Key, into: Draft) => string | undefined>> = {
  types: (value, key, into) => {
    if (key.operation !== 'update') return 'only an _update key changes something';
    const types = value.split(',').map(parseType);
    if (!types.every((type) => type !== undefined && !isMetaType(type))) return 'a word in it is no type of a record';
    into.types = new Set(types as number[]);
    return undefined;
  },
  names: (value, key, into) => {
    if (key.operation !== 'update') return 'only an _update key changes something';
    const exact = new Set<string>();
    const above = new Set<string>();
    for (const text of value.split(',')) {
      const isBelow = text.startsWith('*.');
      const parsed = text === '*' ? ok(key.zone) : Name.parse(isBelow ? text.slice(2) : text, key.zone);
      if (!parsed.ok) return 'a word in it is no domain name';
      const name = parsed.value;
      if (!name.isSubdomainOf(key.zone)) return "a name in it is not in the key's zone";
      if (isDoubled(name, key.zone)) return "a name in it has the key's zone twice: is a final dot missing?";
      (isBelow || text === '*' ? above : exact).add(name.key);
    }
    into.names = { exact, above };
    return undefined;
  },
  expires: (value, _key, into) => {
    const seconds = timeOf(value);
    if (seconds === undefined) return 'no date such as 2027-01-01 or 2027-01-01T12:00:00Z';
    into.expires = seconds;
    return undefined;
  },
  mac: (value, _key, into) => {
    if (value !== 'full') return 'only `full` is known';
    into.isMacFull = true;
    return undefined;
  },
  transport: (value, key, into) => {
    if (key.operation === 'notify') return 'a _notify key neither transfers nor updates';
    if (!Object.hasOwn(DEMANDS, value))
      return `only ${Object.keys(DEMANDS)
        .map((word) => `\`${word}\``)
        .join(' and ')} are known`;
    into.transport = value as DemandedTransport;
    return undefined;
  },
};

function readLimits(text: string, key: Key): Result<KeyLimits, { readonly what: string; readonly hint?: string }> {
  const into: Draft = { text };
  const seen = new Set<string>();
  const all = text.split(/[ \t]+/).filter((word) => word !== '');
  if (all.length === 0) return fail({ what: 'nothing in the record' });
  for (const [i, word] of all.entries()) {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(at, 0));
    if (!Object.hasOwn(words, name))
      return fail({ what: `word ${i + 1} is none of ${Object.keys(words).join('=, ')}=` });
    if (seen.has(name)) return fail({ what: `${name}= stands there twice` });
    seen.add(name);
    const what = words[name]!(word.slice(at + 1), key, into);
    if (what !== undefined) return fail({ what: `${name}=: ${what}` });
  }
  return ok(into);
}

/** `host.mirage.mirage.` in the zone `mirage.`. */
function isDoubled(name: Name, zone: Name): boolean {
  const doubled = zone.isRoot ? undefined : zone.rebase(Name.root, zone);
  return doubled?.ok === true && name.isSubdomainOf(doubled.value);
}

const TIME = /^(\d{4}-\d\d-\d\d)(?:[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d))?$/;

/** Seconds since 1970 of a date or an RFC 3339 time; a second that has begun counts. */
function timeOf(text: string): number | undefined {
  const date = TIME.exec(text)?.[1];
  // The 31st of June is the first of July to Date.parse.
  if (date === undefined || !isDate(date)) return undefined;
  const milliseconds = Date.parse(text.toUpperCase());
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000);
}

function isDate(date: string): boolean {
  const milliseconds = Date.parse(date);
  return !Number.isNaN(milliseconds) && new Date(milliseconds).toISOString().startsWith(date);
}

/** Is the key no longer in force at `now` (seconds since 1970)? */
export function hasExpired({ limits }: Pick<Key, 'limits'>, now: number): boolean {
  return limits?.expires !== undefined && now >= limits.expires;
}

/** May the key change something of this name? */
export function mayChange({ limits }: Pick<Key, 'limits'>, name: Name): boolean {
  const names = limits?.names;
  if (names === undefined || names.exact.has(name.key)) return true;
  for (let at = name.parent(); at !== undefined; at = at.parent()) if (names.above.has(at.key)) return true;
  return false;
}

/** The first of these types that the key may not change. */
export function typeBeyond({ limits }: Pick<Key, 'limits'>, types: Iterable<number>): string | undefined {
  const allowed = limits?.types;
  if (allowed === undefined) return undefined;
  for (const type of types) if (!allowed.has(type)) return printType(type);
  return undefined;
}
