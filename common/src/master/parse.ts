/**
 * Zone files to records (RFC 1035 5, RFC 2308 4, RFC 3597 5): all records and all faults of a file in one run. After a fault
 * reading goes on at the next entry; behind a parenthesis that is never closed, at the next line.
 *
 * Left out: `$INCLUDE` and `$GENERATE`, which are refused; whether the records make a zone, which is for the zone's checks.
 * Always holds: linear time, nothing throws, and no fault text holds RDATA of key types (any content at all with `isSecret`).
 */
import { Name } from '../name.ts';
import { CLASS, parseClass, printClass } from '../rr/class.ts';
import { parseTtl } from '../rr/field.ts';
import { parseRdata } from '../rr/rdata.ts';
import { MAX_TTL, type ResourceRecord } from '../rr/record.ts';
import { isMetaType, parseType, printType, TYPE } from '../rr/type.ts';
import { DefaultTtl } from './default-ttl.ts';
import { type Entry, fileText, type RecordEntry, type ZoneFile } from './document.ts';
import { type Header, locateHeader } from './header.ts';
import { EntryLexer } from './lexer.ts';

export interface FileFault {
  readonly kind: 'syntax' | 'rdata' | 'owner' | 'ttl' | 'directive' | 'limit';
  /** From 1. */
  readonly line: number;
  /** In octets, from 1. */
  readonly column: number;
  /** Printable ASCII. */
  readonly what: string;
  readonly hint?: string;
  readonly severity: 'error';
}

export interface FileRecord {
  /** Class IN, TTL resolved. */
  readonly record: ResourceRecord;
  readonly line: number;
  readonly column: number;
  /** Index into the entries of the file. */
  readonly entry: number;
}

export interface FileLimits {
  /** Octets of the file. */
  readonly octets: number;
  /** Octets of one entry, comments included. */
  readonly entryOctets: number;
  /** Words of one entry; RDATA of 65535 octets, a word for each hexadecimal digit, has twice as many. */
  readonly words: number;
  /** Faults reported. */
  readonly faults: number;
}

export const DEFAULT_FILE_LIMITS: FileLimits = {
  octets: 64 * 2 ** 20,
  entryOctets: 2 ** 20,
  words: 140_000,
  faults: 100,
};

export interface ParseOptions {
  /** Where relative names are rooted until `$ORIGIN`: the zone's name. */
  readonly origin: Name;
  readonly limits?: Partial<FileLimits>;
  /** The file holds secrets: fault texts say where and what kind, and nothing of the content. */
  readonly isSecret?: boolean;
}

export interface ParsedFile {
  readonly file: ZoneFile;
  readonly records: readonly FileRecord[];
  /** Empty when the file is good. When there are more than the limit, the last one says how many. */
  readonly faults: readonly FileFault[];
}

/** Reads a whole file. What is wrong with it stands in `faults`; what could be read stands in `records` all the same. */
export function parseZoneFile(octets: Uint8Array, options: ParseOptions): ParsedFile {
  const limits = { ...DEFAULT_FILE_LIMITS, ...options.limits };
  if (octets.length > limits.octets) {
    const what = `a file of ${octets.length} octets (at most ${limits.octets})`;
    const file = { origin: options.origin, text: '', entries: [], isFaulty: true };
    return { file, records: [], faults: [{ kind: 'limit', line: 1, column: 1, what, severity: 'error' }] };
  }
  return new FileParser(fileText(octets), options.origin, limits, options.isSecret ?? false).run();
}

const ORDER_MARK = '\u00ef\u00bb\u00bf';
/** Each costs a run to the end of the file, and more of them help nobody. */
const MAX_UNCLOSED = 16;
/** Types whose RDATA is a key, and in key files a secret: KEY, DNSKEY, CDNSKEY, TKEY, TSIG. */
const KEY_TYPES: ReadonlySet<number> = new Set([25, TYPE.DNSKEY, TYPE.CDNSKEY, TYPE.TKEY, TYPE.TSIG]);
/** For a record type somebody forgot to put a blank before. */
const BLANK_HINT = 'a line that begins in column one begins with an owner name; put a blank before the type';

type Kind = FileFault['kind'];

class FileParser {
  readonly #text: string;
  readonly #lexer: EntryLexer;
  readonly #limits: FileLimits;
  readonly #isSecret: boolean;
  readonly #zone: Name;
  readonly #entries: Entry[] = [];
  readonly #records: FileRecord[] = [];
  readonly #faults: FileFault[] = [];
  #omitted: { count: number; line: number; column: number } | undefined;
  #line = 1;
  #unclosed = 0;
  #origin: Name;
  readonly #ttl = new DefaultTtl();
  #owner: Name | undefined;
  /** The text that gave `#owner`, to spare parsing it again. */
  #ownerText: string | undefined;
  /** An owner that could not be read: lines that refer to it are not faults of their own. */
  #isOwnerLost = false;

  constructor(text: string, origin: Name, limits: FileLimits, isSecret: boolean) {
    this.#text = text;
    this.#lexer = new EntryLexer(text, limits.words);
    this.#limits = limits;
    this.#isSecret = isSecret;
    this.#zone = origin;
    this.#origin = origin;
  }

  run(): ParsedFile {
    let at = 0;
    if (this.#text.startsWith(ORDER_MARK)) {
      at = ORDER_MARK.length;
      this.#entries.push({ kind: 'blank', start: 0, end: at, line: 1 });
    }
    while (at < this.#text.length) at = this.#entry(at);
    const faults = this.#faults;
    if (this.#omitted !== undefined) {
      const { count, line, column } = this.#omitted;
      faults.push({ kind: 'limit', line, column, what: `and ${count} more faults`, severity: 'error' });
    }
    const file = { origin: this.#zone, text: this.#text, entries: this.#entries, isFaulty: faults.length > 0 };
    return { file, records: this.#records, faults };
  }

  /** Reads the entry at an offset and gives back the offset of the next. */
  #entry(start: number): number {
    const lexer = this.#lexer;
    lexer.read(start);
    let { end, lines } = lexer;
    const known = this.#faults.length + (this.#omitted?.count ?? 0);
    if (lexer.isUnclosed && ++this.#unclosed <= MAX_UNCLOSED) {
      end = lexer.firstLineEnd;
      lines = 1;
    }
    let entry: Entry | undefined;
    if (lexer.fault !== undefined) {
      this.#recoverOwner();
      this.#fault(lexer.fault.kind, lexer.fault.at, lexer.fault.what, lexer.fault.hint);
    } else if (this.#text.startsWith(ORDER_MARK, start)) {
      // Were the entries before it removed, it would stand at the beginning and mean nothing.
      this.#fault(
        'syntax',
        start,
        'an octet order mark that is not at the beginning of the file',
        'remove the three octets EF BB BF',
      );
    } else if (end - start > this.#limits.entryOctets && lexer.count > 0) {
      this.#fault('limit', start, `an entry of more than ${this.#limits.entryOctets} octets`);
    } else if (lexer.count === 0) entry = { kind: 'blank', start, end, line: this.#line };
    else if (lexer.hasOwner && this.#text.charCodeAt(lexer.starts[0]!) === DOLLAR) entry = this.#directive();
    else entry = this.#record();
    if (known !== this.#faults.length + (this.#omitted?.count ?? 0)) entry = undefined;
    this.#entries.push(entry ?? { kind: 'fault', start, end, line: this.#line });
    if (entry?.kind === 'record') {
      const { line, column } = this.#place(lexer.starts[0]!);
      this.#records.push({ record: entry.record, line, column, entry: this.#entries.length - 1 });
    }
    this.#line += lines;
    return end;
  }

  /** An entry is lost, its owner may still be good: what follows with a blank refers to it. */
  #recoverOwner(): void {
    const lexer = this.#lexer;
    if (!lexer.hasOwner || lexer.count === 0 || this.#text.charCodeAt(lexer.starts[0]!) === DOLLAR) return;
    const parsed = Name.parse(lexer.word(0), this.#origin);
    this.#ownerText = undefined;
    this.#isOwnerLost = !parsed.ok;
    if (parsed.ok) this.#owner = parsed.value;
  }

  #directive(): Entry | undefined {
    const lexer = this.#lexer;
    const { start, end } = lexer;
    const directive = lexer.word(0).toUpperCase();
    const at = lexer.starts[0]!;
    if (directive === '$INCLUDE' || directive === '$GENERATE') {
      const hint = directive === '$INCLUDE' ? 'put the records into this file' : 'write the records out';
      return this.#fault('directive', at, `${directive} is not supported`, hint);
    }
    if (directive !== '$ORIGIN' && directive !== '$TTL') {
      const hint = '$ORIGIN and $TTL are known; an owner name that begins with $ is written \\$';
      return this.#fault('directive', at, `unknown directive${this.#quote(0)}`, hint);
    }
    if (lexer.count !== 2 || lexer.isQuoted(1)) {
      return this.#fault(
        'directive',
        lexer.count > 2 ? lexer.starts[2]! : at,
        `${directive} takes one ${directive === '$TTL' ? 'TTL' : 'domain name'}`,
      );
    }
    if (directive === '$TTL') {
      const ttl = this.#readTtl(1);
      if (ttl === undefined) return undefined;
      this.#ttl.direct(ttl);
      return { kind: 'ttl', start, end, line: this.#line, ttl };
    }
    const origin = Name.parse(lexer.word(1), this.#origin);
    if (!origin.ok)
      return this.#fault(
        'directive',
        lexer.starts[1]!,
        `the origin${this.#quote(1)} is no domain name: ${origin.fault.what}`,
      );
    this.#origin = origin.value;
    this.#ownerText = undefined;
    return { kind: 'origin', start, end, line: this.#line, origin: origin.value };
  }

  #record(): RecordEntry | undefined {
    const lexer = this.#lexer;
    const { start, end, hasOwner } = lexer;
    const owner = this.#readOwner();
    const header = locateHeader(lexer);
    const ttl = header.ttl < 0 ? undefined : this.#readTtl(header.ttl);
    const isTtlBad = header.ttl >= 0 && ttl === undefined;
    const type = this.#readType(header);
    if (type === undefined) return undefined;
    const origin = this.#origin;
    const parsed = parseRdata(type, lexer.tokens(header.type + 1), origin);
    if (!parsed.ok) {
      const token = header.type + 1 + parsed.fault.token;
      const at = token < lexer.count ? lexer.starts[token]! : lexer.ends[lexer.count - 1]!;
      const isHidden = this.#isSecret || KEY_TYPES.has(type);
      return this.#fault('rdata', at, isHidden ? `not valid ${printType(type)} data` : parsed.fault.what);
    }
    if (owner === undefined || isTtlBad) return undefined;
    const rdata = parsed.value;
    const record = { name: owner, type, class: CLASS.IN, ttl: this.#ttl.pass(type, rdata, ttl), rdata };
    return { kind: 'record', start, end, line: this.#line, record, origin, hasOwner, hasTtl: ttl !== undefined };
  }

  #readOwner(): Name | undefined {
    const lexer = this.#lexer;
    if (!lexer.hasOwner) {
      if (this.#isOwnerLost) return undefined;
      if (this.#owner !== undefined) return this.#owner;
      this.#isOwnerLost = true;
      return this.#fault(
        'owner',
        lexer.starts[0]!,
        'a line that begins with a blank before any owner name',
        'write the owner name, or @, in column one',
      );
    }
    const text = lexer.word(0);
    if (text === this.#ownerText) return this.#owner;
    const parsed = Name.parse(text, this.#origin);
    this.#isOwnerLost = !parsed.ok || lexer.isQuoted(0);
    this.#ownerText = undefined;
    if (lexer.isQuoted(0))
      return this.#fault('owner', lexer.starts[0]!, 'an owner name in quotes', 'write a blank in a name as \\032');
    if (!parsed.ok)
      return this.#fault(
        'owner',
        lexer.starts[0]!,
        `the owner${this.#quote(0)} is no domain name: ${parsed.fault.what}`,
      );
    this.#owner = parsed.value;
    this.#ownerText = text;
    return parsed.value;
  }

  #readTtl(index: number): number | undefined {
    const ttl = parseTtl(this.#lexer.word(index));
    if (ttl !== undefined && ttl <= MAX_TTL) return ttl;
    const hint = 'seconds, or numbers with the units w d h m s, as 1h30m';
    return this.#fault(
      'ttl',
      this.#lexer.starts[index]!,
      `the TTL${this.#quote(index)} is no number of 0..${MAX_TTL}`,
      hint,
    );
  }

  /** The class is checked on the way. */
  #readType(header: Header): number | undefined {
    const lexer = this.#lexer;
    if (header.class >= 0) {
      const code = parseClass(lexer.word(header.class))!;
      if (code !== CLASS.IN) {
        const name = this.#isSecret ? '' : ` ${printClass(code)}`;
        return this.#fault('syntax', lexer.starts[header.class]!, `class${name}: zones are of class IN only`);
      }
    }
    const ownerHint = lexer.hasOwner && parseType(lexer.word(0)) !== undefined ? BLANK_HINT : undefined;
    if (header.type >= lexer.count)
      return this.#fault('syntax', lexer.ends[lexer.count - 1]!, 'a record without a type', ownerHint);
    const at = lexer.starts[header.type]!;
    const type = lexer.isQuoted(header.type) ? undefined : parseType(lexer.word(header.type));
    if (type === undefined) {
      const isDirective = !lexer.hasOwner && this.#text.charCodeAt(lexer.starts[0]!) === DOLLAR;
      const hint = isDirective
        ? 'directives begin in column one'
        : (ownerHint ?? 'other types are written TYPEnnn with \\# LENGTH HEX');
      const what = this.#isSecret ? 'a word that is' : `${this.#quote(header.type).trimStart()} is`;
      return this.#fault('syntax', at, `${what} no record type`, hint);
    }
    if (isMetaType(type)) return this.#fault('syntax', at, `${printType(type)} is no type of a record in a zone`);
    return type;
  }

  /** A token for a fault text, with a blank before it; nothing in files that hold secrets. */
  #quote(index: number): string {
    return this.#isSecret ? '' : ` '${printable(this.#lexer.raw(index), 60)}'`;
  }

  /** Gives back `undefined`, so that it can be returned. */
  #fault(kind: Kind, at: number, what: string, hint?: string): undefined {
    const place = this.#place(at);
    if (this.#faults.length >= this.#limits.faults) {
      this.#omitted ??= { count: 0, ...place };
      this.#omitted.count++;
    } else
      this.#faults.push({
        kind,
        ...place,
        what: printable(what, 240),
        ...(hint === undefined ? {} : { hint }),
        severity: 'error',
      });
    return undefined;
  }

  /** Line and column of an offset in the current entry. */
  #place(at: number): { line: number; column: number } {
    let line = this.#line;
    let lineStart = this.#lexer.start;
    if (at < this.#lexer.firstLineEnd) return { line, column: at - lineStart + 1 };
    for (;;) {
      const next = this.#text.indexOf('\n', lineStart);
      if (next < 0 || next >= at) break;
      line++;
      lineStart = next + 1;
    }
    return { line, column: at - lineStart + 1 };
  }
}

const DOLLAR = 0x24;

/** About `length` characters at most, printable ASCII only: fault texts go to terminals and logs. */
function printable(text: string, length: number): string {
  const escaped = text
    .slice(0, length)
    .replace(/[^ -~]/g, (octet) => `\\${String(octet.charCodeAt(0)).padStart(3, '0')}`);
  return escaped.length < length || escaped === text ? escaped : `${escaped.slice(0, length)}...`;
}
