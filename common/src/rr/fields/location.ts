/**
 * LOC (RFC 1876): degrees, minutes, seconds, metres <-> the sixteen octets of version 0. Other versions are octets (its section 2),
 * and are printed by RFC 3597, as are sizes of zero with a power of ten.
 */
import type { Reader } from '../../octets.ts';
import type { Field } from '../field.ts';

const EQUATOR = 2 ** 31;
/** Thousandths of a second. */
const DEGREE = 3_600_000;
/** Altitude is counted in centimetres from 100 000 m below the reference. */
const ALTITUDE_BASE = 10_000_000;
const DEFAULT_PRECISIONS = [100, 1_000_000, 1_000] as const;

interface Angle {
  readonly value: number;
  readonly words: number;
}

function parseAngle(words: readonly string[], maxDegrees: number, positive: string, negative: string): Angle | string {
  const numbers: number[] = [];
  for (const [i, word] of words.slice(0, 4).entries()) {
    const upper = word.toUpperCase();
    if (upper === positive || upper === negative) {
      const [degrees = Number.NaN, minutes = 0, seconds = 0] = numbers;
      const value = Math.round((degrees * 3600 + minutes * 60 + seconds) * 1000);
      if (!(value <= maxDegrees * DEGREE) || minutes > 59 || seconds >= 60)
        return `an angle of more than ${maxDegrees} degrees, 59 minutes, 59.999 seconds`;
      return { value: upper === positive ? EQUATOR + value : EQUATOR - value, words: i + 1 };
    }
    if (!(i < 2 ? /^\d{1,3}$/ : /^\d{1,2}(\.\d{1,3})?$/).test(word)) break;
    numbers.push(Number(word));
  }
  return `an angle is written as degrees [minutes [seconds]] ${positive}|${negative}`;
}

/** Metres with at most two decimals and an optional `m`, as centimetres. */
function parseMetres(word: string): number | undefined {
  const match = /^(-?)(\d{1,8})(?:\.(\d{1,2}))?m?$/i.exec(word);
  if (match === null) return undefined;
  const centimetres = Number(match[2]) * 100 + Number((match[3] ?? '').padEnd(2, '0'));
  return match[1] === '-' ? -centimetres : centimetres;
}

/** Centimetres as mantissa and power of ten, one digit each; rounded down to what can be said so. */
function sizeOctet(centimetres: number): number {
  let exponent = 0;
  let mantissa = centimetres;
  while (mantissa > 9) {
    mantissa = Math.floor(mantissa / 10);
    exponent++;
  }
  return (mantissa << 4) | exponent;
}

/** Gives the RDATA, or what is wrong. */
function parseLocation(words: readonly string[]): Uint8Array | string {
  const latitude = parseAngle(words, 90, 'N', 'S');
  if (typeof latitude === 'string') return latitude;
  const longitude = parseAngle(words.slice(latitude.words), 180, 'E', 'W');
  if (typeof longitude === 'string') return longitude;
  const [altitudeWord, ...precisionWords] = words.slice(latitude.words + longitude.words);
  const altitude = altitudeWord === undefined ? undefined : parseMetres(altitudeWord);
  if (altitude === undefined || altitude < -ALTITUDE_BASE || altitude > 2 ** 32 - 1 - ALTITUDE_BASE)
    return 'an altitude of -100000.00 .. 42849672.95 metres is missing';
  if (precisionWords.length > 3) return 'too many words after the altitude';
  const precisions = DEFAULT_PRECISIONS.map((preset, i) =>
    precisionWords[i] === undefined ? preset : parseMetres(precisionWords[i]),
  );
  const octets = Buffer.alloc(16);
  for (const [i, precision] of precisions.entries()) {
    if (precision === undefined || precision < 0 || precision > 9e9)
      return `'${precisionWords[i]}' is no size of 0 .. 90000000.00 metres`;
    octets[1 + i] = sizeOctet(precision);
  }
  octets.writeUInt32BE(latitude.value, 4);
  octets.writeUInt32BE(longitude.value, 8);
  octets.writeUInt32BE(altitude + ALTITUDE_BASE, 12);
  return Uint8Array.from(octets);
}

function printAngle(value: number, positive: string, negative: string): string {
  const absolute = Math.abs(value - EQUATOR);
  const seconds = ((absolute % 60_000) / 1000).toFixed(3);
  return `${Math.floor(absolute / DEGREE)} ${Math.floor(absolute / 60_000) % 60} ${seconds} ${value >= EQUATOR ? positive : negative}`;
}

function printMetres(centimetres: number): string {
  return `${(centimetres / 100).toFixed(2)}m`;
}

function printLocation(reader: Reader): string | undefined {
  if (reader.u8() !== 0) return undefined;
  const sizes = [reader.u8(), reader.u8(), reader.u8()];
  if (sizes.some((octet) => octet > 0 && octet < 0x10)) return undefined;
  const lengths = sizes.map((octet) => printMetres((octet >> 4) * 10 ** (octet & 15)));
  const latitude = printAngle(reader.u32(), 'N', 'S');
  const longitude = printAngle(reader.u32(), 'E', 'W');
  return `${latitude} ${longitude} ${printMetres(reader.u32() - ALTITUDE_BASE)} ${lengths.join(' ')}`;
}

export const location: Field = {
  label: 'location',
  parse(words, out) {
    const texts: string[] = [];
    while (words.left > 0) texts.push(words.nextText()!);
    const octets = parseLocation(texts);
    if (typeof octets === 'string') return octets;
    out.bytes(octets);
    return undefined;
  },
  print: printLocation,
  skip(reader) {
    if (reader.u8() !== 0) {
      reader.rest();
      return;
    }
    for (const octet of reader.bytes(3))
      if (octet >> 4 > 9 || (octet & 15) > 9) reader.fail('a LOC size that is not two decimal digits');
    const latitude = Math.abs(reader.u32() - EQUATOR);
    const longitude = Math.abs(reader.u32() - EQUATOR);
    if (latitude > 90 * DEGREE || longitude > 180 * DEGREE) reader.fail('a LOC angle out of range');
    reader.u32();
  },
};
