/**
 * CAA (RFC 8659, RFC 8657): whether the owners of the names of a request let this CA certify them, found out before it is asked. The
 * CA looks itself, and later; what is saved is an order that it would refuse, and what is won is a reason that can be read.
 *
 * For each name the tree is climbed (RFC 8659 3) up to the last but one label: in our zones as they are here, anywhere else through the
 * system's resolver. What cannot be found out there is left to the CA, and so are the records of top level domains.
 *
 * Always holds: ends in bounded time; what the resolver says is asked for once in {@link KEPT}.
 */
import { Resolver } from 'node:dns/promises';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { targetOf } from '@zonewright/common/rr/rdata';
import { TYPE } from '@zonewright/common/rr/type';
import { readIssuerValue } from './issuer-value.ts';
import { keepAnswers } from './kept-answers.ts';
import { nameOfHost } from './posting.ts';

/** One record: `tag` in lower case. */
export interface CaaRecord {
  readonly isCritical: boolean;
  readonly tag: string;
  readonly value: string;
}

/** Who asks: what CAA records may name. */
export interface CaaSubject {
  /** Issuer domain names that the CA goes by, as its directory says (RFC 8555 9.7.6); none where it does not say. */
  readonly identities: readonly string[];
  /** URL of the account (RFC 8657 3). */
  readonly account?: string;
  /** The validation methods of which one will be used (RFC 8657 4): which, is not known before the CA has made its offer. */
  readonly methods: readonly string[];
}

/** The CA may not certify a name. */
export interface CaaFault extends Fault {
  readonly kind: 'caa';
}

/** CAA records of a name that is in no zone of ours; `undefined` when that cannot be found out. */
export type CaaLookup = (name: string) => Promise<readonly CaaRecord[] | undefined>;

/** CNAMEs that are followed from a name. */
const CHAIN = 8;
/** Milliseconds and tries for a question to the system's resolver. */
const LOOKUP = { timeout: 1500, tries: 1 } as const;
/** Milliseconds that an answer of the resolver is kept, and how many are. */
const KEPT = 600_000;
const KEPT_ANSWERS = 1000;
const CRITICAL = 0x80;
/** A top level domain is the CA's to ask. */
const LEAST_LABELS = 2;
/** Those that others have defined do not restrict us, but for critical ones that we do not know. */
const KNOWN_TAGS: ReadonlySet<string> = new Set([
  'issue',
  'issuewild',
  'iodef',
  'issuemail',
  'issuevmc',
  'contactemail',
  'contactphone',
]);

/** The first name at which a request is not allowed, as a fault. */
export async function checkCaa(
  hosts: readonly string[],
  subject: CaaSubject,
  zones: ZoneTable,
  lookup: CaaLookup,
): Promise<Result<void, CaaFault>> {
  // Many hosts have the same ancestors.
  const seen = new Map<string, Promise<readonly CaaRecord[] | undefined>>();
  const recordsAt = (name: Name): Promise<readonly CaaRecord[] | undefined> => {
    const known = seen.get(name.key) ?? recordsOf(name, zones, lookup);
    seen.set(name.key, known);
    return known;
  };
  const refusals = await Promise.all(hosts.map((host) => refusalOf(host, subject, recordsAt)));
  const refusal = refusals.find((one) => one !== undefined);
  return refusal === undefined ? ok(undefined) : fail(refusal);
}

async function refusalOf(
  host: string,
  subject: CaaSubject,
  recordsAt: (name: Name) => Promise<readonly CaaRecord[] | undefined>,
): Promise<CaaFault | undefined> {
  const name = nameOfHost(host);
  for (let labels = name.labelCount; labels >= LEAST_LABELS; labels--) {
    const at = name.ancestor(labels);
    const records = await recordsAt(at);
    if (records === undefined) return undefined;
    if (records.length === 0) continue;
    const what = whyNot(records, host.startsWith('*.'), subject);
    if (what === undefined) return undefined;
    const hint = 'allow this CA in a CAA record there, remove them, or start the service with --no-caa';
    return { kind: 'caa', what: `CAA of ${at} for ${host}: ${what}`, hint };
  }
  return undefined;
}

/** Why a relevant set of records (RFC 8659 3) does not allow the subject; `undefined` if it does, or that is for the CA to say. */
export function whyNot(
  records: readonly CaaRecord[],
  isWildcard: boolean,
  { identities, account, methods }: CaaSubject,
): string | undefined {
  const strange = records.find(({ isCritical, tag }) => isCritical && !KNOWN_TAGS.has(tag));
  if (strange !== undefined) return `a critical property is not known: ${strange.tag}`;
  const wild = isWildcard ? records.filter(({ tag }) => tag === 'issuewild') : [];
  const issue = wild.length > 0 ? wild : records.filter(({ tag }) => tag === 'issue');
  if (issue.length === 0) return undefined;
  const allowed = issue.map(({ value }) => readIssuerValue(value));
  if (allowed.every((one) => one === undefined || one.domain === '')) return 'no CA is allowed';
  if (identities.length === 0) return undefined;
  const names = new Set(identities.map((identity) => identity.toLowerCase()));
  const ours = allowed.filter((one) => one !== undefined && names.has(one.domain));
  if (ours.length === 0) return `${identities.join(' or ')} is not allowed`;
  const isMet = ours.some((one) => {
    const uri = one?.parameters.get('accounturi');
    const named = one?.parameters.get('validationmethods')?.split(',');
    const isMethod = named === undefined || methods.some((method) => named.includes(method));
    return (uri === undefined || account === undefined || uri === account) && isMethod;
  });
  return isMet ? undefined : 'it is allowed for another account or another way of validation only';
}

/** The records of a name, along CNAMEs (RFC 8659 3). */
async function recordsOf(start: Name, zones: ZoneTable, lookup: CaaLookup): Promise<readonly CaaRecord[] | undefined> {
  let name = start;
  for (let left = CHAIN; left > 0; left--) {
    const zone = zones.zoneOf(name);
    if (zone === undefined || zone.cutAt(name) !== undefined) return lookup(name.toString());
    const alias = zone.get(name, TYPE.CNAME);
    if (alias === undefined) return (zone.get(name, TYPE.CAA)?.rdatas ?? []).flatMap((rdata) => readCaa(rdata) ?? []);
    name = targetOf(TYPE.CNAME, alias.rdatas[0]!);
  }
  return undefined;
}

/** RFC 8659 4.1: flags, length of the tag, tag, value. */
function readCaa(rdata: Uint8Array): CaaRecord | undefined {
  const [flags, length] = rdata;
  if (flags === undefined || length === undefined || rdata.length < 2 + length) return undefined;
  const text = (from: number, to: number): string => Buffer.from(rdata.subarray(from, to)).toString('latin1');
  return {
    isCritical: (flags & CRITICAL) !== 0,
    tag: text(2, 2 + length).toLowerCase(),
    value: text(2 + length, rdata.length),
  };
}

/** Asks the system's resolver, and keeps what it says. */
export function createCaaLookup(): CaaLookup {
  const resolver = new Resolver(LOOKUP);
  return keepAnswers((name) => askResolver(resolver, name), { age: KEPT, most: KEPT_ANSWERS });
}

/** Node.js gives each record as `{ critical, [tag]: value }`. */
async function askResolver(resolver: Resolver, name: string): Promise<readonly CaaRecord[] | undefined> {
  try {
    return (await resolver.resolveCaa(name)).flatMap(({ critical, ...property }) =>
      Object.entries(property)
        .filter(([tag]) => tag !== 'type')
        .map(([tag, value]) => ({
          isCritical: (critical & CRITICAL) !== 0,
          tag: tag.toLowerCase(),
          value: String(value),
        })),
    );
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENODATA' || code === 'ENOTFOUND' ? [] : undefined;
  }
}
