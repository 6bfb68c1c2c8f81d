/**
 * DER, read strictly (ITU-T X.690 section 10 and 11; RFC 5280 appendix B): what CSRs and certificates are made of.
 *
 * A tree of tag-length-value nodes over the given octets, nothing copied. Refused: trailing octets, indefinite and
 * non-minimal lengths, tag numbers above 30, constructed strings, non-minimal integers, booleans that are neither
 * 00 nor FF, set unused bits, nesting deeper than {@link DER_DEPTH}. So one value has one encoding, and two different
 * octet strings never read as the same tree; the order of the members of a SET is the one rule that is not checked.
 *
 * Left out: writing DER (the library that makes CSRs does), and the types that X.509 does not use.
 */

/** How deeply values may nest; a certificate needs about 9. */
export const DER_DEPTH = 24;

/** Tags, as the identifier octet. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value: its identifier octet, its contents, all of its octets, and the values inside when it is constructed. */
export interface DerNode {
  readonly tag: number;
  readonly contents: Uint8Array;
  readonly encoded: Uint8Array;
  readonly children: readonly DerNode[];
}

/** The whole of `octets` as one DER value; `undefined` if it is anything else. */
export function readDer(octets: Uint8Array): DerNode | undefined {
  const node = readNode(octets, 0, octets.length, 0);
  return node !== undefined && node.encoded.length === octets.length ? node : undefined;
}

function readNode(octets: Uint8Array, start: number, end: number, depth: number): DerNode | undefined {
  const tag = octets[start];
  const first = octets[start + 1];
  if (depth > DER_DEPTH || start + 2 > end || tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) {
    return undefined;
  }
  let length = first;
  let body = start + 2;
  if (first >= 0x80) {
    const size = first & 0x7f;
    if (size === 0 || size > 3 || body + size > end) return undefined;
    length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + octets[body + i]!;
    if (length < 0x80 || length < 256 ** (size - 1)) return undefined;
    body += size;
  }
  const stop = body + length;
  if (stop > end) return undefined;
  const contents = octets.subarray(body, stop);
  const constructed = (tag & 0x20) !== 0;
  if (!isWellFormed(tag, constructed, contents)) return undefined;
  const children: DerNode[] = [];
  if (constructed) {
    for (let at = body; at < stop; ) {
      const child = readNode(octets, at, stop, depth + 1);
      if (child === undefined) return undefined;
      children.push(child);
      at += child.encoded.length;
    }
  }
  return { tag, contents, encoded: octets.subarray(start, stop), children };
}

function isWellFormed(tag: number, constructed: boolean, contents: Uint8Array): boolean {
  if ((tag & 0xc0) !== 0) return true;
  // X.690 10.2: strings are primitive; SEQUENCE and SET are always constructed (8.9.1, 8.11.1).
  if (constructed !== (tag === TAG.sequence || tag === TAG.set)) return false;
  const [first, second] = contents;
  switch (tag) {
    case TAG.boolean:
      return contents.length === 1 && (first === 0 || first === 0xff);
    case TAG.integer:
      if (first === undefined) return false;
      return second === undefined || !((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
    case TAG.bitString: {
      if (first === undefined || first > 7) return false;
      const last = contents[contents.length - 1]!;
      return contents.length === 1 ? first === 0 : (last & ((1 << first) - 1)) === 0;
    }
    case TAG.null:
      return contents.length === 0;
    case TAG.oid:
      return isOid(contents);
    default:
      return tag !== 0;
  }
}

function isOid(contents: Uint8Array): boolean {
  if (contents.length === 0 || contents[contents.length - 1]! >= 0x80) return false;
  // X.690 8.19.2: a subidentifier does not begin with 0x80.
  return contents.every((octet, i) => octet !== 0x80 || (i > 0 && contents[i - 1]! >= 0x80));
}

/** The dotted text of an OBJECT IDENTIFIER; the empty string for any other value. */
export function oidOf(node: DerNode | undefined): string {
  if (node?.tag !== TAG.oid) return '';
  const arcs: number[] = [];
  let value = 0;
  for (const octet of node.contents) {
    value = value * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(value);
      value = 0;
    }
  }
  const top = Math.min(Math.floor(arcs[0]! / 40), 2);
  return [top, arcs[0]! - top * 40, ...arcs.slice(1)].join('.');
}

/** The octets of a BIT STRING that is a whole number of octets, `undefined` for any other value. */
export function bitsOf(node: DerNode | undefined): Uint8Array | undefined {
  return node?.tag === TAG.bitString && node.contents[0] === 0 ? node.contents.subarray(1) : undefined;
}

/** The text of a directory string in an encoding that keeps ASCII as it is, `undefined` for any other value. */
export function textOf(node: DerNode | undefined): string | undefined {
  switch (node?.tag) {
    case TAG.utf8String:
      return Buffer.from(node.contents).toString('utf8');
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.teletexString:
      return Buffer.from(node.contents).toString('latin1');
    default:
      return undefined;
  }
}

const TIME = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** A time as milliseconds since 1970 (RFC 5280 4.1.2.5: UTC, with seconds), `undefined` for anything else. */
export function timeOf(node: DerNode | undefined): number | undefined {
  if (node?.tag !== TAG.utcTime && node?.tag !== TAG.generalizedTime) return undefined;
  const parts = TIME.exec(Buffer.from(node.contents).toString('latin1'));
  if (parts === null || parts[1]!.length !== (node.tag === TAG.utcTime ? 2 : 4)) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const full = node.tag === TAG.generalizedTime ? year : year < 50 ? 2000 + year : 1900 + year;
  const text = [full, month, day].map((part, i) => String(part).padStart(i === 0 ? 4 : 2, '0')).join('-');
  const time = [hour, minute, second].map((part) => String(part).padStart(2, '0')).join(':');
  const instant = Date.parse(`${text}T${time}Z`);
  return Number.isNaN(instant) ? undefined : instant;
}
