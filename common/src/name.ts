/**
 * Domain names (RFC 1034 3.1, RFC 4343, RFC 4034 6.1).
 *
 * A name is its uncompressed wire form plus a `key`. The key holds the labels from the root down, lower-cased, each ended by
 * U+0000 and each octet shifted up by one, so that ONE string answers all questions about names:
 * equality is `===`, canonical order is `<`, "is below" is `startsWith`, and it can stand in a Map.
 * Because every label is ended, `notexample.com` is never taken to be below `example.com`.
 *
 * Left out: IDNA. U-labels are the business of user interfaces.
 * Always holds: `wire` is 1..255 octets, labels are 1..63 octets, the last octet is the root label.
 */
import { fail, ok, type Result } from './result.ts';

export const MAX_NAME_OCTETS = 255;
export const MAX_LABEL_OCTETS = 63;

export interface NameFault {
  readonly kind: 'name';
  readonly what: string;
}

/** Length octets are at most 63, less than any letter. */
const isUpper = (octet: number): boolean => octet >= 0x41 && octet <= 0x5a;
const lower = (octet: number): number => (isUpper(octet) ? octet + 0x20 : octet);

export class Name {
  static readonly root: Name = new Name(Uint8Array.of(0));

  /** Uncompressed wire form, case as given. Must not be modified. */
  readonly wire: Uint8Array;
  #key: string | undefined;

  /** Trusts its argument: use {@link Name.fromWire} for octets that come from outside. */
  private constructor(wire: Uint8Array) {
    this.wire = wire;
  }

  /** Takes a complete uncompressed wire name. Fails on anything else (pointers, trailing octets, wrong lengths). */
  static fromWire(wire: Uint8Array): Result<Name, NameFault> {
    if (wire.length > MAX_NAME_OCTETS) return nameFault('a name of more than 255 octets');
    let at = 0;
    while (at < wire.length) {
      const length = wire[at]!;
      if (length === 0) return at + 1 === wire.length ? ok(new Name(wire)) : nameFault('octets after the root label');
      if (length > MAX_LABEL_OCTETS) return nameFault('a label type other than 00');
      at += 1 + length;
    }
    return nameFault('a name without its root label');
  }

  /** Joins labels, the left-most first. Fails when a label is empty or too long, or the name is. */
  static fromLabels(labels: readonly Uint8Array[]): Result<Name, NameFault> {
    const octets: number[] = [];
    for (const label of labels) {
      if (label.length === 0) return nameFault('an empty label');
      if (label.length > MAX_LABEL_OCTETS) return nameFault('a label of more than 63 octets');
      octets.push(label.length, ...label);
    }
    octets.push(0);
    if (octets.length > MAX_NAME_OCTETS) return nameFault('a name of more than 255 octets');
    return ok(new Name(Uint8Array.from(octets)));
  }

  /**
   * Reads presentation form (RFC 1035 5.1): `\X`, `\DDD`, `@` for the origin; a name without final dot is relative to `origin`
   * (the root, unless given). Each character is one octet; text beyond U+00FF is taken as UTF-8.
   */
  static parse(text: string, origin: Name = Name.root): Result<Name, NameFault> {
    if (text === '@') return ok(origin);
    if (text === '.') return ok(Name.root);
    const octets = textOctets(text);
    const length = readNameText(octets, 0, octets.length, origin.wire, draft);
    return length < 0 ? nameFault(nameTextFault(length)) : ok(new Name(draft.slice(0, length)));
  }

  /** The comparing form; see the head of this file. The root's is the empty string. */
  get key(): string {
    this.#key ??= keyOf(this.wire);
    return this.#key;
  }

  /** The labels, left-most first, without the root label. */
  get labels(): readonly Uint8Array[] {
    const labels: Uint8Array[] = [];
    for (let at = 0; this.wire[at] !== 0; at += 1 + this.wire[at]!) {
      labels.push(this.wire.subarray(at + 1, at + 1 + this.wire[at]!));
    }
    return labels;
  }

  /** How many labels, the root label not counted. */
  get labelCount(): number {
    let count = 0;
    for (let at = 0; this.wire[at] !== 0; at += 1 + this.wire[at]!) count++;
    return count;
  }

  get isRoot(): boolean {
    return this.wire.length === 1;
  }

  /** Is the left-most label a single asterisk (RFC 4592 2.1.1)? */
  get isWildcard(): boolean {
    return this.wire[0] === 1 && this.wire[1] === ASTERISK;
  }

  equals(other: Name): boolean {
    const a = this.wire;
    const b = other.wire;
    if (a.length !== b.length) return false;
    // Not by `key`, which would have to be made: length octets are at most 63, less than any letter.
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && lower(a[i]!) !== lower(b[i]!)) return false;
    return true;
  }

  /** Equal to `ancestor` or below it. */
  isSubdomainOf(ancestor: Name): boolean {
    return this.key.startsWith(ancestor.key);
  }

  /** Canonical order (RFC 4034 6.1), for `sort`. */
  static compare(a: Name, b: Name): number {
    return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
  }

  /** The name without its left-most label; `undefined` for the root. */
  parent(): Name | undefined {
    return this.isRoot ? undefined : new Name(this.wire.subarray(1 + this.wire[0]!));
  }

  /** The last `count` labels. `count` is 0..labelCount. */
  ancestor(count: number): Name {
    let name: Name = this;
    for (let drop = this.labelCount - count; drop > 0; drop--) name = name.parent()!;
    return name;
  }

  /** This name with a label (wire octets or plain ASCII text, unescaped) put in front. */
  child(label: Uint8Array | string): Result<Name, NameFault> {
    const octets = typeof label === 'string' ? textOctets(label) : label;
    return Name.fromLabels([octets, ...this.labels]);
  }

  /** The deepest name that both are at or below. */
  commonAncestor(other: Name): Name {
    const a = this.key;
    const b = other.key;
    let labels = 0;
    for (let i = 0; i < a.length && a[i] === b[i]; i++) if (a.charCodeAt(i) === 0) labels++;
    return this.ancestor(labels);
  }

  /** This name with the ancestor `from` replaced by `to`, as DNAME does (RFC 6672 2.3). Fails when it gets too long. */
  rebase(from: Name, to: Name): Result<Name, NameFault> {
    const own = this.labels;
    return Name.fromLabels([...own.slice(0, own.length - from.labelCount), ...to.labels]);
  }

  /** The same name with upper-case ASCII letters made lower-case (RFC 4034 6.2): itself where it has none. */
  toLowerCase(): Name {
    return this.wire.some(isUpper) ? new Name(this.wire.map(lower)) : this;
  }

  /** Presentation form with the final dot; octets that are not plain are escaped so that {@link Name.parse} reads the same. */
  toString(): string {
    if (this.isRoot) return '.';
    let text = '';
    for (const label of this.labels) text += `${printLabel(label)}.`;
    return text;
  }

  /** Presentation form relative to `origin`: `@` for the origin itself, absolute when not below it. */
  relativeTo(origin: Name): string {
    if (this.equals(origin)) return '@';
    if (origin.isRoot || !this.isSubdomainOf(origin)) return this.toString();
    const own = this.labels;
    return own
      .slice(0, own.length - origin.labelCount)
      .map(printLabel)
      .join('.');
  }
}

const DOT = 0x2e;
const AT = 0x40;
const BACKSLASH = 0x5c;
const ASTERISK = 0x2a;

function nameFault(what: string): Result<never, NameFault> {
  return fail({ kind: 'name', what });
}

/** The characters of a key, written from the end: as one string, since one that is put together keeps its parts. */
const characters = new Uint16Array(MAX_NAME_OCTETS);

function keyOf(wire: Uint8Array): string {
  let start = characters.length;
  for (let at = 0; wire[at] !== 0; ) {
    const end = at + 1 + wire[at]!;
    start -= end - at;
    for (let i = at + 1; i < end; i++) characters[start + i - at - 1] = lower(wire[i]!) + 1;
    characters[start + end - at - 1] = 0;
    at = end;
  }
  return String.fromCharCode.apply(undefined, characters.subarray(start) as unknown as number[]);
}

/** Characters up to U+00FF are octets; text with others is encoded as UTF-8. */
export function textOctets(text: string): Uint8Array {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return Buffer.from(text, 'utf8');
  return Buffer.from(text, 'latin1');
}

/** Where a name is put together. */
const draft = new Uint8Array(MAX_NAME_OCTETS);

/** What can be wrong with the text of a name. */
const TEXT_FAULTS = [
  'an empty name',
  'an empty label',
  'a label of more than 63 octets',
  'a name of more than 255 octets',
  'a backslash not followed by a character or by three digits up to 255',
] as const;
const EMPTY_NAME = -1;
const EMPTY_LABEL = -2;
const LONG_LABEL = -3;
const LONG_NAME = -4;
const BAD_ESCAPE = -5;

/** What a negative number from {@link readNameText} means. */
export function nameTextFault(code: number): string {
  return TEXT_FAULTS[-1 - code]!;
}

/**
 * Reads presentation form, as {@link Name.parse}, from octets `start` up to `end`: the wire form is written to the beginning of `wire`,
 * which has room for 255 octets. Gives its length; below 0 when the text is no name, and then `wire` holds anything.
 */
export function readNameText(
  text: Uint8Array,
  start: number,
  end: number,
  origin: Uint8Array,
  wire: Uint8Array,
): number {
  if (end - start < MAX_NAME_OCTETS) return readLabels(text, start, end, origin, wire);
  // Escapes may make it a name that is short enough.
  const room = new Uint8Array(end - start + MAX_NAME_OCTETS);
  const length = readLabels(text, start, end, origin, room);
  if (length > 0) wire.set(room.subarray(0, length));
  return length;
}

/** The same where `wire` has room for an octet more than the text, whatever that is. */
function readLabels(text: Uint8Array, start: number, end: number, origin: Uint8Array, wire: Uint8Array): number {
  if (end <= start) return EMPTY_NAME;
  if (end - start === 1 && text[start] === AT) return append(wire, 0, origin);
  if (end - start === 1 && text[start] === DOT) return append(wire, 0, Name.root.wire);
  /** Where the length of the label at hand goes. */
  let label = 0;
  let length = 1;
  let isLabelLong = false;
  for (let at = start; at < end; at++) {
    let octet = text[at]!;
    if (octet === DOT) {
      const size = length - label - 1;
      if (size === 0) return EMPTY_LABEL;
      isLabelLong ||= size > MAX_LABEL_OCTETS;
      wire[label] = size;
      label = length++;
      continue;
    }
    if (octet === BACKSLASH) {
      const escaped = readEscape(text, at, end);
      if (escaped === undefined) return BAD_ESCAPE;
      octet = escaped.octet;
      at = escaped.last;
    }
    wire[length++] = octet;
  }
  const size = length - label - 1;
  if (isLabelLong || size > MAX_LABEL_OCTETS) return LONG_LABEL;
  // Behind a final dot there is an empty label, which the root takes.
  if (size === 0) return append(wire, label, Name.root.wire);
  wire[label] = size;
  return append(wire, length, origin);
}

/** Puts the end of a name behind its first `length` octets. */
function append(wire: Uint8Array, length: number, name: Uint8Array): number {
  if (length + name.length > MAX_NAME_OCTETS) return LONG_NAME;
  for (let i = 0; i < name.length; i++) wire[length + i] = name[i]!;
  return length + name.length;
}

/** The octet that the escape at `octets[at]` (a backslash) stands for, and where it ends (RFC 1035 5.1). */
export function readEscape(
  octets: Uint8Array,
  at: number,
  end: number = octets.length,
): { octet: number; last: number } | undefined {
  if (at + 1 >= end) return undefined;
  const next = octets[at + 1]!;
  if (!isDigit(next)) return { octet: next, last: at + 1 };
  if (at + 3 >= end) return undefined;
  const tens = octets[at + 2]!;
  const ones = octets[at + 3]!;
  if (!isDigit(tens) || !isDigit(ones)) return undefined;
  const octet = (next - 0x30) * 100 + (tens - 0x30) * 10 + (ones - 0x30);
  return octet > 255 ? undefined : { octet, last: at + 3 };
}

const isDigit = (octet: number): boolean => octet >= 0x30 && octet <= 0x39;

/** Characters with a meaning in a zone file (RFC 1035 5.1), and `$` and `@`, which have one at the start of a line. */
const SPECIAL = new Set(Buffer.from('."\\;()@$', 'latin1'));

function printLabel(label: Uint8Array): string {
  let text = '';
  for (const octet of label) {
    if (octet <= 0x20 || octet >= 0x7f) text += `\\${String(octet).padStart(3, '0')}`;
    else if (SPECIAL.has(octet)) text += `\\${String.fromCharCode(octet)}`;
    else text += String.fromCharCode(octet);
  }
  return text;
}
