/**
 * Zone files to records (RFC 1035 5, RFC 2308 4, RFC 3597 5), one after the other: all records and all faults of a file in one
 * run, with `$INCLUDE` and `$GENERATE` done. After a fault reading goes on at the next entry; behind a parenthesis that is never
 * closed, at the next line.
 *
 * Nothing is kept of a record: it is given to a sink (`scanned.ts`). Left out: whether the records make a zone, which is for the zone's checks.
 * Always holds: linear time, nothing throws, and no fault text holds RDATA of key types (any content at all with `isSecret`).
 */
import { Name, nameTextFault, readNameText } from '../name.ts';
import { Writer } from '../octets.ts';
import { CLASS, printClass, readClass } from '../rr/class.ts';
import { MAX_RDATA_OCTETS, readRdataWords } from '../rr/rdata.ts';
import { MAX_TTL } from '../rr/record.ts';
import { isMetaType, parseType, printType, readType, TYPE } from '../rr/type.ts';
import { readTtl } from '../rr/word.ts';
import { DefaultTtl } from './default-ttl.ts';
import { FaultList, type FileFault, printable } from './fault.ts';
import { Frame, isOrderMark } from './frame.ts';
import { generateRecord, parseRange, Template, unquoted } from './generate.ts';
import { type Header, locateHeader } from './header.ts';
import { hintAgainst } from './hint.ts';
import { includeFault } from './include.ts';
import type { EntryLexer } from './lexer.ts';
import { DEFAULT_FILE_LIMITS, type FileLimits } from './limits.ts';
import { type EntryKind, RecordAtHand, type ScanSink } from './scanned.ts';
import type { Standing } from './standing.ts';

export type { EntryKind, Place, ScannedRecord, ScanSink } from './scanned.ts';

export interface ParseOptions {
  /** Where relative names are rooted until `$ORIGIN`: the zone's name. */
  readonly origin: Name;
  /** The octets are a piece of a file, which begins with an entry of this standing; `origin` is not used then. */
  readonly standing?: Standing;
  readonly limits?: Partial<FileLimits>;
  /** The file holds secrets: fault texts say where and what kind, and nothing of the content. */
  readonly isSecret?: boolean;
  /** The name of the file itself, which it must not include. */
  readonly fileName?: string;
  /** The content of a file that `$INCLUDE` names; `undefined` when there is none. Without this, `$INCLUDE` is a fault. */
  readonly include?: (fileName: string) => Uint8Array | undefined;
}

/** Reads a whole file and gives back what is wrong with it. Records that could be read are handed out all the same. */
export function scanZoneFile(octets: Uint8Array, options: ParseOptions, sink: ScanSink): readonly FileFault[] {
  const limits = { ...DEFAULT_FILE_LIMITS, ...options.limits };
  if (octets.length <= limits.octets) return new Scanner(octets, options, limits, sink).run();
  const what = `a file of ${octets.length} octets (at most ${limits.octets})`;
  return [{ kind: 'limit', line: 1, column: 1, what, severity: 'error' }];
}

/** Each costs a run to the end of the file, and more of them help nobody. */
const MAX_UNCLOSED = 16;
/** Types whose RDATA is a key, and in key files a secret: KEY, DNSKEY, CDNSKEY, TKEY, TSIG. */
const KEY_TYPES: ReadonlySet<number> = new Set([25, TYPE.DNSKEY, TYPE.CDNSKEY, TYPE.TKEY, TYPE.TSIG]);
/** For a record type somebody forgot to put a blank before. */
const BLANK_HINT = 'a line that begins in column one begins with an owner name; put a blank before the type';
const OWNER_HINT = 'write the owner name, or @, in column one';
const KNOWN = '$ORIGIN, $TTL, $INCLUDE and $GENERATE';

class Scanner implements Standing {
  readonly #limits: FileLimits;
  readonly #isSecret: boolean;
  readonly #fileName: string | undefined;
  readonly #include: ParseOptions['include'];
  readonly #sink: ScanSink;
  readonly #faults: FaultList;
  readonly ttl: DefaultTtl;
  /** The files that are open, the innermost last. */
  readonly #frames: Frame[] = [];
  #frame: Frame;
  #unclosed = 0;
  #generated = 0;
  #generatedOctets = 0;
  #inclusions = 0;
  #includedOctets = 0;
  /** Owners that have been read. */
  #owners = 0;
  readonly #header = { ttl: -1, class: -1, type: 0 };
  readonly #atHand: RecordAtHand;
  /** Where RDATA is put together. */
  readonly #rdata = new Writer(MAX_RDATA_OCTETS);

  constructor(octets: Uint8Array, options: ParseOptions, limits: FileLimits, sink: ScanSink) {
    this.#limits = limits;
    this.#isSecret = options.isSecret ?? false;
    this.#fileName = options.fileName;
    this.#include = options.include;
    this.#sink = sink;
    this.#faults = new FaultList(limits.faults);
    this.ttl = options.standing?.ttl.clone() ?? new DefaultTtl();
    this.#frame = new Frame(undefined, octets, limits.words, options.standing?.origin ?? options.origin, 0);
    if (options.standing === undefined) this.#frame.passOrderMark();
    else if (options.standing.owner !== undefined) this.#frame.beginWith(options.standing.owner, ++this.#owners);
    this.#atHand = new RecordAtHand(this.#frame);
  }

  get origin(): Name {
    return this.#frame.origin;
  }

  get owner(): Name | undefined {
    return this.#frame.ownerName;
  }

  run(): readonly FileFault[] {
    const first = this.#frame;
    this.#frames.push(first);
    if (first.at > 0) this.#sink.onEntry?.('blank', 0, first.at, 1, this);
    for (;;) {
      const frame = this.#frame;
      if (frame.at < frame.lexer.octets.length) this.#entry(frame);
      else if (frame === first) return this.#faults.finish();
      else this.#leave(frame);
    }
  }

  /** Reads the next entry. */
  #entry(frame: Frame): void {
    const { lexer } = frame;
    lexer.read(frame.at);
    let { end, lines } = lexer;
    const known = this.#faults.count;
    if (lexer.isUnclosed && ++this.#unclosed <= MAX_UNCLOSED) {
      end = lexer.firstLineEnd;
      lines = 1;
    }
    const kind = this.#read(frame, end);
    if (this.#frame === frame) this.#finish(frame, known === this.#faults.count ? kind : undefined, end, lines);
  }

  #finish(frame: Frame, kind: EntryKind | undefined, end: number, lines: number): void {
    if (frame.file === undefined) this.#sink.onEntry?.(kind ?? 'fault', frame.lexer.start, end, frame.line, this);
    frame.at = end;
    frame.line += lines;
  }

  /** Back to the file that includes this one, behind the directive. */
  #leave({ known }: Frame): void {
    this.#frames.pop();
    this.#frame = this.#frames.at(-1)!;
    const { end, lines } = this.#frame.lexer;
    this.#finish(this.#frame, known === this.#faults.count ? 'expansion' : undefined, end, lines);
  }

  /** What the entry is; `undefined` when it could not be read. */
  #read(frame: Frame, end: number): EntryKind | undefined {
    const { lexer } = frame;
    const { start, fault } = lexer;
    if (fault !== undefined) {
      this.#recoverOwner(frame);
      return this.#fault(fault.kind, fault.at, fault.what, fault.hint);
    }
    if (isOrderMark(lexer.octets, start)) {
      // Were the entries before it removed, it would stand at the beginning and mean nothing.
      const what = 'an octet order mark that is not at the beginning of the file';
      return this.#fault('syntax', start, what, 'remove the three octets EF BB BF');
    }
    if (lexer.count === 0) return 'blank';
    if (end - start > this.#limits.entryOctets)
      return this.#fault('limit', start, `an entry of more than ${this.#limits.entryOctets} octets`);
    if (lexer.hasOwner && lexer.octets[lexer.starts[0]!] === DOLLAR) return this.#directive(frame);
    return this.#record(frame);
  }

  /** An entry is lost, its owner may still be good: what follows with a blank refers to it. */
  #recoverOwner(frame: Frame): void {
    const { lexer } = frame;
    if (!lexer.hasOwner || lexer.count === 0 || lexer.octets[lexer.starts[0]!] === DOLLAR) return;
    const start = lexer.starts[0]!;
    const quote = lexer.isQuoted(0) ? 1 : 0;
    this.#takeOwner(frame, start + quote, lexer.ends[0]! - quote);
    frame.forgetOwnerText();
  }

  #directive(frame: Frame): EntryKind | undefined {
    const { lexer } = frame;
    const directive = lexer.word(0).toUpperCase();
    const at = lexer.starts[0]!;
    switch (directive) {
      case '$TTL':
      case '$ORIGIN':
        if (lexer.count === 2 && !lexer.isQuoted(1)) break;
        return this.#fault(
          'directive',
          lexer.count > 2 ? lexer.starts[2]! : at,
          `${directive} takes one ${directive === '$TTL' ? 'TTL' : 'domain name'}`,
        );
      case '$INCLUDE':
      case '$GENERATE':
        if (this.#isSecret) return this.#fault('directive', at, `no ${directive} in a file of keys`);
        return directive === '$INCLUDE' ? this.#includeFile(frame) : this.#generate(frame);
      default: {
        const hint = `${KNOWN} are known; an owner name that begins with $ is written \\$`;
        return this.#fault('directive', at, `unknown directive${this.#quote(0)}`, hint);
      }
    }
    if (directive === '$TTL') {
      const ttl = this.#readTtl(lexer, 1);
      if (ttl === undefined) return undefined;
      this.ttl.direct(ttl);
      this.#sink.onTtl?.(ttl);
      return 'ttl';
    }
    const origin = this.#readOrigin(frame, 1);
    if (origin === undefined) return undefined;
    frame.origin = origin;
    frame.forgetOwnerText();
    return 'origin';
  }

  #readOrigin({ lexer, origin }: Frame, index: number): Name | undefined {
    const parsed = Name.parse(lexer.word(index), origin);
    if (parsed.ok) return parsed.value;
    const what = `the origin${this.#quote(index)} is no domain name: ${parsed.fault.what}`;
    return this.#fault('directive', lexer.starts[index]!, what);
  }

  /** Opens the file that `$INCLUDE` names. Origin and owner of this one are as before when it ends (RFC 1035 5.1). */
  #includeFile(frame: Frame): EntryKind | undefined {
    const { lexer } = frame;
    const at = lexer.starts[0]!;
    if (lexer.count < 2 || lexer.count > 3 || (lexer.count === 3 && lexer.isQuoted(2)))
      return this.#fault('directive', at, '$INCLUDE takes a file name and, if wanted, an origin');
    const file = lexer.word(1);
    const place = lexer.starts[1]!;
    const refused = includeFault(file);
    if (refused !== undefined) return this.#fault('directive', place, refused);
    if (this.#include === undefined)
      return this.#fault('directive', at, '$INCLUDE cannot be followed here', 'put the records into this file');
    if (file === this.#fileName || this.#frames.some((open) => open.file === file))
      return this.#fault('directive', place, `the file '${file}' includes itself`);
    if (this.#frames.length > this.#limits.depth)
      return this.#fault('limit', place, `files included within each other more than ${this.#limits.depth} deep`);
    if (++this.#inclusions > this.#limits.inclusions)
      return this.#fault('limit', place, `more than ${this.#limits.inclusions} included files`);
    const octets = this.#include(file);
    if (octets === undefined) {
      const hint = 'an included file stands beside the zone file, and is no link';
      return this.#fault('directive', place, `there is no file '${file}' to include`, hint);
    }
    this.#includedOctets += octets.length;
    if (this.#includedOctets > this.#limits.includedOctets || octets.length > this.#limits.octets)
      return this.#fault('limit', place, `more than ${this.#limits.includedOctets} octets in included files`);
    const origin = lexer.count === 3 ? this.#readOrigin(frame, 2) : frame.origin;
    if (origin === undefined) return undefined;
    const inner = new Frame(file, octets, this.#limits.words, origin, this.#faults.count);
    inner.passOrderMark();
    inner.inheritOwner(frame);
    this.#frames.push(inner);
    this.#frame = inner;
    return undefined;
  }

  #generate(frame: Frame): EntryKind | undefined {
    const { lexer } = frame;
    const header = locateHeader(lexer, FIRST_OF_GENERATE);
    if (lexer.count !== header.type + 2 || lexer.isQuoted(1) || lexer.isQuoted(2)) {
      const hint = 'as `$GENERATE 1-10 host$ A 10.0.0.$`; data of several words stands in quotes';
      return this.#fault('directive', lexer.starts[0]!, '$GENERATE takes a range, an owner, a type and data', hint);
    }
    const range = parseRange(lexer.word(1));
    if (typeof range === 'string') return this.#fault('directive', lexer.starts[1]!, range);
    const { range: most, generated } = this.#limits;
    if (range.count > most)
      return this.#fault('limit', lexer.starts[1]!, `a range of ${range.count} records (at most ${most})`);
    this.#generated += range.count;
    if (this.#generated > generated)
      return this.#fault('limit', lexer.starts[1]!, `more than ${generated} generated records`);
    const ttl = header.ttl < 0 ? undefined : this.#readTtl(lexer, header.ttl);
    const type = this.#readType(lexer, header);
    if (type === undefined || (ttl === undefined && header.ttl >= 0)) return undefined;
    const data = header.type + 1;
    const [owners, datas] = [2, data].map((index) => {
      const template = Template.parse(lexer.isQuoted(index) ? unquoted(lexer.word(index)) : lexer.word(index));
      return typeof template === 'string' ? this.#fault('directive', lexer.starts[index]!, template) : template;
    });
    if (owners === undefined || datas === undefined) return undefined;
    for (let i = 0; i < range.count; i++) {
      const number = range.first + i * range.step;
      const record = generateRecord(type, owners.expand(number), datas.expand(number), frame.origin);
      if ('what' in record) {
        const isHidden = record.part === 'data' && KEY_TYPES.has(type);
        const what = isHidden ? `not valid ${printType(type)} data` : record.what;
        return this.#fault('directive', lexer.starts[record.part === 'data' ? data : 2]!, `for ${number}: ${what}`);
      }
      this.#generatedOctets += record.octets;
      if (this.#generatedOctets > this.#limits.generatedOctets)
        return this.#fault('limit', lexer.starts[0]!, 'generated records of too much text');
      this.#atHand.owner = record.owner.wire;
      this.#atHand.ownerLength = record.owner.wire.length;
      this.#atHand.ownerNumber = ++this.#owners;
      this.#atHand.data = record.rdata;
      this.#atHand.dataLength = record.rdata.length;
      this.#emit(frame, type, ttl);
    }
    return 'expansion';
  }

  #record(frame: Frame): EntryKind | undefined {
    const { lexer } = frame;
    const hasOwner = this.#readOwner(frame);
    const header = locateHeader(lexer, lexer.hasOwner ? 1 : 0, this.#header);
    const ttl = header.ttl < 0 ? undefined : this.#readTtl(lexer, header.ttl);
    const type = this.#readType(lexer, header);
    if (type === undefined) return undefined;
    if (!this.#readRdata(frame, type, header.type + 1)) return undefined;
    if (!hasOwner || (ttl === undefined && header.ttl >= 0)) return undefined;
    const record = this.#atHand;
    record.owner = frame.owner;
    record.ownerLength = frame.ownerLength;
    record.ownerNumber = frame.ownerNumber;
    record.data = this.#rdata.octets;
    record.dataLength = this.#rdata.length;
    this.#emit(frame, type, ttl);
    return 'record';
  }

  /** Hands out the record at hand, whose owner and RDATA are filled in. */
  #emit(frame: Frame, type: number, ttl: number | undefined): void {
    const record = this.#atHand;
    record.type = type;
    record.ttl = this.ttl.pass(type, record.data, ttl);
    record.isTtlStated = ttl !== undefined;
    record.frame = frame;
    record.start = frame.lexer.starts[0]!;
    this.#sink.onRecord(record);
  }

  #readRdata({ lexer, words, origin }: Frame, type: number, first: number): boolean {
    const fault = readRdataWords(type, words.begin(first, origin), this.#rdata);
    if (fault === undefined) return true;
    const token = first + fault.token;
    const at = token < lexer.count ? lexer.starts[token]! : lexer.ends[lexer.count - 1]!;
    const isHidden = this.#isSecret || KEY_TYPES.has(type);
    if (isHidden) this.#fault('rdata', at, `not valid ${printType(type)} data`);
    else this.#fault('rdata', at, fault.what, hintAgainst(fault.what, type));
    return false;
  }

  /** Is there an owner, one that could be read? */
  #readOwner(frame: Frame): boolean {
    const { lexer } = frame;
    const start = lexer.starts[0]!;
    if (!lexer.hasOwner) {
      if (frame.isOwnerInherited) this.#sink.onOwnerInherited?.();
      if (frame.isOwnerLost) return false;
      if (frame.ownerLength > 0) return true;
      frame.loseOwner();
      this.#fault('owner', start, 'a line that begins with a blank before any owner name', OWNER_HINT);
      return false;
    }
    const end = lexer.ends[0]!;
    if (frame.isSameOwner(start, end)) return true;
    frame.isOwnerInherited = false;
    if (lexer.isQuoted(0)) {
      frame.loseOwner();
      this.#fault('owner', start, 'an owner name in quotes', 'write a blank in a name as \\032');
      return false;
    }
    const length = this.#takeOwner(frame, start, end);
    if (length < 0)
      this.#fault('owner', start, `the owner${this.#quote(0)} is no domain name: ${nameTextFault(length)}`);
    return length > 0;
  }

  /** Makes what stands there the owner of the records to come; gives a number below 0 when it is no name. */
  #takeOwner(frame: Frame, start: number, end: number): number {
    const length = readNameText(frame.lexer.octets, start, end, frame.origin.wire, frame.owner);
    if (length < 0) frame.loseOwner();
    else frame.setOwner(length, ++this.#owners, start, end);
    return length;
  }

  #readTtl(lexer: EntryLexer, index: number): number | undefined {
    const at = lexer.starts[index]!;
    const ttl = readTtl(lexer.octets, at, lexer.ends[index]!);
    if (ttl >= 0 && ttl <= MAX_TTL) return ttl;
    const hint = 'seconds, or numbers with the units w d h m s, as 1h30m';
    return this.#fault('ttl', at, `the TTL${this.#quote(index)} is no number of 0..${MAX_TTL}`, hint);
  }

  /** The class is checked on the way. */
  #readType(lexer: EntryLexer, header: Header): number | undefined {
    if (header.class >= 0) {
      const at = lexer.starts[header.class]!;
      const code = readClass(lexer.octets, at, lexer.ends[header.class]!);
      if (code !== CLASS.IN) {
        const name = this.#isSecret ? '' : ` ${printClass(code)}`;
        return this.#fault('syntax', at, `class${name}: zones are of class IN only`);
      }
    }
    const hasType = header.type < lexer.count && !lexer.isQuoted(header.type);
    const type = hasType ? readType(lexer.octets, lexer.starts[header.type]!, lexer.ends[header.type]!) : -1;
    if (type >= 0 && !isMetaType(type)) return type;
    const ownerHint = lexer.hasOwner && parseType(lexer.word(0)) !== undefined ? BLANK_HINT : undefined;
    if (header.type >= lexer.count)
      return this.#fault('syntax', lexer.ends[lexer.count - 1]!, 'a record without a type', ownerHint);
    const at = lexer.starts[header.type]!;
    if (type >= 0) return this.#fault('syntax', at, `${printType(type)} is no type of a record in a zone`);
    const isDirective = !lexer.hasOwner && lexer.octets[lexer.starts[0]!] === DOLLAR;
    const hint = isDirective
      ? 'directives begin in column one'
      : (ownerHint ?? 'other types are written TYPEnnn with \\# LENGTH HEX');
    const what = this.#isSecret ? 'a word that is' : `${this.#quote(header.type).trimStart()} is`;
    return this.#fault('syntax', at, `${what} no record type`, hint);
  }

  /** A token for a fault text, with a blank before it; nothing in files that hold secrets. */
  #quote(index: number): string {
    return this.#isSecret ? '' : ` '${printable(this.#frame.lexer.raw(index), 60)}'`;
  }

  /** Gives back `undefined`, so that it can be returned. */
  #fault(kind: FileFault['kind'], at: number, what: string, hint?: string): undefined {
    this.#faults.add(kind, this.#frame.place(at), what, hint);
    return undefined;
  }
}

/** Behind `$GENERATE`, the range and the owner. */
const FIRST_OF_GENERATE = 3;
const DOLLAR = 0x24;
