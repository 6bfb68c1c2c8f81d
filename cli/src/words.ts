/** Arguments and options that several tools share, as rows and parsers. */

import { parseTsigKey } from '@zonewright/common/authority/key';
import { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { parsePort } from '@zonewright/common/service/endpoint';
import type { ArgumentRow, OptionRow } from '@zonewright/common/service/options';
import { wholeNumber } from '@zonewright/common/service/service-options';

/** A domain name, with or without final dot. */
export function parseName(text: string): Result<Name, Fault> {
  const name = Name.parse(text);
  return name.ok ? name : fail({ kind: 'usage', what: `"${text}" is no domain name: ${name.fault.what}` });
}

/** As the original's tools print names: without the final dot. */
export function plainName(name: Name): string {
  return name.isRoot ? '.' : name.toString().slice(0, -1);
}

export const SERVER = {
  name: '<SERVER>',
  description: 'IP address or host name, also with a port: HOST:PORT',
} as const satisfies ArgumentRow;

export const PORT = {
  flag: '--port <PORT>',
  description: 'port of the server',
  default: '53',
  parse: parsePort,
} as const satisfies OptionRow;

export const KEY = {
  flag: '--key <KEY>',
  description: 'signs the request: NAME:ALG:SECRET',
  secret: true,
  parse: parseTsigKey,
} as const satisfies OptionRow;

/** Seconds; the value is in milliseconds. */
export function parseTimeout(text: string): Result<number, Fault> {
  const seconds = wholeNumber(1, 3600)(text);
  return seconds.ok ? ok(seconds.value * 1000) : seconds;
}
