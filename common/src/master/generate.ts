/**
 * `$GENERATE range lhs [ttl] [class] type rhs`, as BIND has it: a record for each number of a range. In the owner (`lhs`) and the
 * data (`rhs`, one word; several are put in quotes) `$` stands for the number, `${offset,width,base}` for the number plus the
 * offset in a width and base (`d` `o` `x` `X`, and `n` `N`: hexadecimal digits in reverse order, a label each, with the dots
 * between them counted in the width), `$$` and `\$` for a dollar sign.
 *
 * Left out: how many there may be, which is for whoever asks for them.
 */
import { Name } from '../name.ts';
import { parseRdataWords } from '../rr/rdata.ts';
import { Words } from '../rr/words.ts';
import { fileOctets } from './document.ts';
import { EntryLexer } from './lexer.ts';
import { DEFAULT_FILE_LIMITS } from './limits.ts';

export interface Range {
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

/** As in BIND, whose numbers are signed. */
const MAX_NUMBER = 2 ** 31 - 1;
/** The widest number, in characters. */
const MAX_WIDTH = 255;

/** Reads `first-last` or `first-last/step`; gives what is wrong otherwise. */
export function parseRange(text: string): Range | string {
  const match = /^(\d{1,10})-(\d{1,10})(?:\/(\d{1,10}))?$/.exec(text);
  if (match === null) return 'a range is written FIRST-LAST or FIRST-LAST/STEP';
  const first = Number(match[1]);
  const last = Number(match[2]);
  const step = Number(match[3] ?? 1);
  if (last < first) return `a range that ends before it begins`;
  if (step === 0) return 'a step of 0';
  return { first, step, count: Math.floor((last - first) / step) + 1 };
}

type Base = 'd' | 'o' | 'x' | 'X' | 'n' | 'N';

/** Text, or a number to be put in. */
type Part = string | { readonly offset: number; readonly width: number; readonly base: Base };

const MODIFIER = /^\{(-?\d{1,10})(?:,(\d{1,3})(?:,([doxXnN]))?)?\}/;
/** Longer than the longest modifier. */
const MODIFIER_LOOK = 32;

/** A text with numbers to be put in, read once for all of them. */
export class Template {
  readonly #parts: readonly Part[];

  private constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  /** Gives what is wrong when a modifier cannot be read. */
  static parse(text: string): Template | string {
    const parts: Part[] = [];
    let plain = '';
    for (let at = 0; at < text.length; at++) {
      if (text[at] === '\\') plain += text.slice(at, ++at + 1);
      else if (text[at] !== '$') plain += text[at];
      else if (text[at + 1] === '$') plain += text[++at];
      else {
        if (plain !== '') parts.push(plain);
        plain = '';
        let [offset, width, base]: [number, number, Base] = [0, 0, 'd'];
        if (text[at + 1] === '{') {
          const match = MODIFIER.exec(text.slice(at + 1, at + 1 + MODIFIER_LOOK));
          if (match === null) return 'what stands in braces is OFFSET, OFFSET,WIDTH or OFFSET,WIDTH,BASE';
          [offset, width, base] = [Number(match[1]), Number(match[2] ?? 0), (match[3] ?? 'd') as Base];
          if (width > MAX_WIDTH) return `a width of more than ${MAX_WIDTH}`;
          at += match[0].length;
        }
        parts.push({ offset, width, base });
      }
    }
    if (plain !== '') parts.push(plain);
    return new Template(parts);
  }

  /** The text for a number; `undefined` when an offset leads out of 0..2^31-1. */
  expand(number: number): string | undefined {
    let text = '';
    for (const part of this.#parts) {
      if (typeof part === 'string') text += part;
      else {
        const value = number + part.offset;
        if (value < 0 || value > MAX_NUMBER) return undefined;
        text += printNumber(value, part.width, part.base);
      }
    }
    return text;
  }
}

function printNumber(value: number, width: number, base: Base): string {
  if (base === 'n' || base === 'N') {
    const text = nibbles(value, width);
    return base === 'n' ? text : text.toUpperCase();
  }
  const text = value.toString(base === 'd' ? 10 : base === 'o' ? 8 : 16).padStart(width, '0');
  return base === 'X' ? text.toUpperCase() : text;
}

/** `0x12` in a width of 7 is `2.1.0.0`. An even width ends in a dot. */
function nibbles(value: number, width: number): string {
  let text = '';
  for (let rest = value; rest > 0 || text.length < width || text === ''; rest = Math.floor(rest / 16)) {
    text += (rest % 16).toString(16);
    if (rest >= 16 || text.length < width) text += '.';
  }
  return text;
}

/** The content of a quoted string as text of its own: `\"` is a quote in it. */
export function unquoted(text: string): string {
  return text.replaceAll(/\\./gs, (pair) => (pair === '\\"' ? '"' : pair));
}

export interface GeneratedRecord {
  readonly owner: Name;
  readonly rdata: Uint8Array;
  /** Of the text that it was made from. */
  readonly octets: number;
}

/** Why there is no record, and which part of the directive is at fault. */
export interface GenerateFault {
  readonly part: 'owner' | 'data';
  readonly what: string;
}

/** One record out of the texts for its number. */
export function generateRecord(
  type: number,
  owner: string | undefined,
  data: string | undefined,
  origin: Name,
): GeneratedRecord | GenerateFault {
  if (owner === undefined || data === undefined)
    return { part: owner === undefined ? 'owner' : 'data', what: `a number that is not in 0..${MAX_NUMBER}` };
  const name = Name.parse(owner, origin);
  if (!name.ok) return { part: 'owner', what: `no domain name: ${name.fault.what}` };
  const lexer = new EntryLexer(fileOctets(data), DEFAULT_FILE_LIMITS.words);
  lexer.read(0);
  if (lexer.fault !== undefined) return { part: 'data', what: lexer.fault.what };
  const rdata = parseRdataWords(type, new Words(lexer).begin(0, origin));
  if (!rdata.ok) return { part: 'data', what: rdata.fault.what };
  return { owner: name.value, rdata: rdata.value, octets: owner.length + data.length };
}
