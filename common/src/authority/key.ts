/**
 * Keys and what they may do. A key's name says it: `<anything>.<operation>.<zone>`, where `_update` may all that `_transfer` may,
 * and that all that `_notify` may; the right-most operation label counts. A key covers its zone and all below, never above.
 *
 * The labels left of `_transfer` may name addresses: `PRIMARY.SECONDARY._transfer.ZONE`, or one address, that of the primary of a
 * hidden secondary. An IPv4 address is four labels, an IPv6 address one: its RFC 5952 text with `-` for `:`.
 * Always holds: keys are found by their exact name; a `*` in a key's name means nothing.
 */
import { Name } from '../name.ts';
import { fail, ok, type Result } from '../result.ts';
import { parseBase64, parseIpv4, parseIpv6, printIpv4, printIpv6 } from '../rr/encoding.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { TSIG_ALGORITHMS, type TsigAlgorithm, type TsigKey, tsigKey } from '../wire/tsig.ts';
import type { KeyLimits } from './key-limits.ts';

/** In rising order: each may also do what those before it may. */
export const OPERATIONS = ['notify', 'transfer', 'update'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface KeyScope {
  readonly operation: Operation;
  readonly zone: Name;
  /** IP addresses in text form; RFC 5952 for IPv6. */
  readonly primary?: string;
  readonly secondary?: string;
}

export interface Key extends TsigKey, KeyScope {
  /** What it may do less than its name says, from the TXT record beside it. */
  readonly limits?: KeyLimits;
}

export interface KeyFault {
  readonly kind: 'key';
  /** Never holds the secret. */
  readonly what: string;
  readonly hint?: string;
}

function keyFault(what: string, hint?: string): Result<never, KeyFault> {
  return fail(hint === undefined ? { kind: 'key', what } : { kind: 'key', what, hint });
}

const labelText = (label: Uint8Array): string => Buffer.from(label).toString('latin1').toLowerCase();

/** The address that ends just before label `end`, and where it begins. */
function addressBefore(labels: readonly string[], end: number): { address: string; start: number } | undefined {
  const v6 = end >= 1 ? parseIpv6(labels[end - 1]!.replaceAll('-', ':')) : undefined;
  if (v6 !== undefined && labels[end - 1]!.includes('-')) return { address: printIpv6(v6), start: end - 1 };
  const v4 = end >= 4 ? parseIpv4(labels.slice(end - 4, end).join('.')) : undefined;
  return v4 === undefined ? undefined : { address: printIpv4(v4), start: end - 4 };
}

/** What the key of this name may do; `undefined` when the name has no operation label. */
export function keyScope(name: Name): KeyScope | undefined {
  const labels = name.labels.map(labelText);
  const at = labels.findLastIndex((label) => label.startsWith('_') && OPERATIONS.includes(label.slice(1) as Operation));
  if (at < 0) return undefined;
  const operation = labels[at]!.slice(1) as Operation;
  const scope = { operation, zone: name.ancestor(labels.length - at - 1) };
  if (operation !== 'transfer') return scope;
  const right = addressBefore(labels, at);
  if (right === undefined) return scope;
  const left = addressBefore(labels, right.start);
  return left === undefined
    ? { ...scope, primary: right.address }
    : { ...scope, primary: left.address, secondary: right.address };
}

/** The label of a transfer key that is an IPv6 address as others write it, and names none here. */
function colonAddress(name: Name, { operation }: KeyScope): string | undefined {
  if (operation !== 'transfer') return undefined;
  return name.labels.map(labelText).find((label) => label.includes(':') && parseIpv6(label) !== undefined);
}

/** The label or labels by which a key's name holds an address. */
export function addressLabels(address: string): string {
  const v6 = parseIpv6(address);
  return v6 === undefined ? address : printIpv6(v6).replaceAll(':', '-');
}

/** SHA256, sha256, hmac-sha256, 163. */
function parseAlgorithm(text: string): Result<TsigAlgorithm, KeyFault> {
  const plain = text.toUpperCase().replace(/^HMAC-/, '');
  const found = TSIG_ALGORITHMS.find(({ mnemonic, number }) => mnemonic === plain || String(number) === plain);
  if (found !== undefined) return ok(found);
  const all = TSIG_ALGORITHMS.map(({ mnemonic }) => mnemonic).join(', ');
  if (/^(MD5(\.SIG-ALG\.REG\.INT)?|157)$/.test(plain))
    return keyFault('HMAC-MD5 is not secure and is refused', `make a new key with one of ${all}`);
  // With its parts in another order, a key has its secret in this place: only what looks like an algorithm is repeated.
  const shown = /^(\d{1,3}|SHA[\d/-]{0,9})$/.test(plain) ? ` '${text}'` : '';
  return keyFault(`unknown algorithm${shown}`, `use one of ${all}`);
}

/** A TSIG key from `NAME:ALG:SECRET` with the secret in base64. What it may do is not looked at. */
export function parseTsigKey(text: string): Result<TsigKey, KeyFault> {
  const parts = text.trim().split(':');
  const [nameText, algorithmText, secretText] = parts;
  if (parts.length !== 3 || nameText === undefined || algorithmText === undefined || secretText === undefined) {
    return keyFault(
      'a key is written NAME:ALG:SECRET',
      parts.length > 3 && algorithmText !== undefined && !parseAlgorithm(algorithmText).ok
        ? 'an IPv6 address in its name has - for :, as in x.fd00--2._transfer.mirage'
        : 'for example personal._update.mirage:SHA256:...; make one with `zonewright keygen tsig NAME`',
    );
  }
  const name = Name.parse(nameText);
  if (!name.ok) return keyFault(`a key's name is no domain name: ${name.fault.what}`);
  const algorithm = parseAlgorithm(algorithmText);
  if (!algorithm.ok) return algorithm;
  const secret = parseBase64(secretText);
  if (secret === undefined || secret.length === 0)
    return keyFault('the secret of the key is not base64', 'copy it whole, with the = at its end');
  return ok(tsigKey(name.value, algorithm.value, secret));
}

function withScope(key: TsigKey): Result<Key, KeyFault> {
  const scope = keyScope(key.name);
  if (scope === undefined)
    return keyFault(
      `key ${key.name} does not say what it may do`,
      'name it <anything>._update.ZONE, ._transfer.ZONE or ._notify.ZONE',
    );
  const address = colonAddress(key.name, scope);
  if (address !== undefined)
    return keyFault(`key ${key.name} names no address by "${address}"`, `write "${addressLabels(address)}"`);
  return ok({ ...key, ...scope });
}

/** A key of a server from `NAME:ALG:SECRET`. */
export function parseKey(text: string): Result<Key, KeyFault> {
  const key = parseTsigKey(text);
  return key.ok ? withScope(key.value) : key;
}

/** `NAME:ALG:SECRET`: holds the secret, so it is for people who asked for it and for files of mode 0600. */
export function printKey(key: TsigKey): string {
  return `${key.name.toString().replace(/(.)\.$/, '$1')}:${key.algorithm.mnemonic}:${key.secret.export().toString('base64')}`;
}

/** A key from its DNSKEY record in a key file: flags 0, protocol 3, algorithm 161..165 (HMAC-SHA1 .. HMAC-SHA512). */
export function keyOfRecord(record: ResourceRecord): Result<Key, KeyFault> {
  const [, , protocol, number] = record.rdata;
  if (record.type !== TYPE.DNSKEY)
    return keyFault(
      `a record of ${record.name} that is no DNSKEY`,
      'a key file holds only lines NAME DNSKEY 0 3 163 SECRET, and TXT with the limits of a key',
    );
  const algorithm = parseAlgorithm(String(number));
  if (!algorithm.ok) return keyFault(`key ${record.name}: ${algorithm.fault.what}`, algorithm.fault.hint);
  if (protocol !== 3) return keyFault(`key ${record.name}: protocol ${protocol}`, 'write DNSKEY 0 3 163 SECRET');
  if (record.rdata.length <= 4) return keyFault(`key ${record.name} has no secret`);
  return withScope(tsigKey(record.name, algorithm.value, record.rdata.slice(4)));
}

/** May this key do `operation` in `zone` (or at the name `zone`)? */
export function mayPerform(key: KeyScope, operation: Operation, zone: Name): boolean {
  return OPERATIONS.indexOf(key.operation) >= OPERATIONS.indexOf(operation) && zone.isSubdomainOf(key.zone);
}

/** The keys in force. Immutable. */
export class KeyTable {
  readonly #byName: ReadonlyMap<string, Key>;
  /** Transfer keys that name a secondary's address, by their zones. */
  #naming: Map<string, Key[]> | undefined;

  constructor(keys: Iterable<Key> = []) {
    this.#byName = new Map([...keys].map((key) => [key.name.key, key]));
  }

  get(name: Name): Key | undefined {
    return this.#byName.get(name.key);
  }

  get size(): number {
    return this.#byName.size;
  }

  [Symbol.iterator](): Iterator<Key> {
    return this.#byName.values();
  }

  /** Transfer keys that name a secondary's address and cover `zone`, those of the nearest zone first. */
  secondariesOf(zone: Name): readonly Key[] {
    if (this.#naming === undefined) {
      this.#naming = new Map();
      for (const key of this.#byName.values()) {
        if (key.secondary === undefined || !mayPerform(key, 'transfer', key.zone)) continue;
        const same = this.#naming.get(key.zone.key);
        if (same === undefined) this.#naming.set(key.zone.key, [key]);
        else same.push(key);
      }
    }
    const covering: Key[] = [];
    for (let at: Name | undefined = zone; at !== undefined; at = at.parent())
      covering.push(...(this.#naming.get(at.key) ?? []));
    return covering;
  }
}

/** The transfer keys that name a secondary's address and are in one table alone, or have another secret in the other. */
export function secondaryKeysThatDiffer(one: KeyTable, other: KeyTable): readonly Key[] {
  const isNew = (key: Key, there: KeyTable): boolean =>
    key.secondary !== undefined && there.get(key.name)?.secret.equals(key.secret) !== true;
  return [...[...one].filter((key) => isNew(key, other)), ...[...other].filter((key) => isNew(key, one))];
}
