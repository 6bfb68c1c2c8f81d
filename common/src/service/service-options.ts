/** The options that services share, as rows to put into a command's table. */
import { type Fault, fail, ok, type Result } from '../result.ts';
import { parseAddress, parseEndpoint, parseListenEndpoint, parsePort, parseSyslogEndpoint } from './endpoint.ts';
import { LOG_LEVELS, type LogLevel } from './log-level.ts';
import type { OptionRow, Parse } from './options.ts';

/** Influx line protocol over UDP, as a telegraf `socket_listener` is commonly set up. */
const MONITOR_PORT = 8094;

/** A parser for one of a few words, in any case. */
export function oneOf<const W extends string>(words: readonly W[]): Parse<W> {
  return (text) => {
    const word = words.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (word !== undefined) return ok(word);
    return fail({ kind: 'usage', what: `"${text}" is not among the choices`, hint: words.join(', ') });
  };
}

/** A parser for a whole number, decimal, `least <= n <= greatest`. */
export function wholeNumber(least: number, greatest: number): Parse<number> {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= greatest) return ok(value);
    return fail({ kind: 'usage', what: `"${text}" is not in range`, hint: `${least} to ${greatest}` });
  };
}

export const PORT = {
  flag: '--port <PORT>',
  description: 'port to listen on, and on which peers named by address are reached',
  default: '53',
  parse: parsePort,
} as const satisfies OptionRow;

/** An empty list means all addresses, IPv4 and IPv6. */
export const LISTEN = {
  flag: '--listen <ADDR>',
  description: 'address to listen on, repeatable; all IPv4 and IPv6 addresses unless given',
  repeatable: true,
  parse: parseAddress,
} as const satisfies OptionRow;

export const DATA = {
  flag: '--data <DIR>',
  description: 'folder for durable state; without it nothing is kept',
} as const satisfies OptionRow;

export const LOG_LEVEL = {
  flag: '--log-level <LEVEL>',
  description: `least level to log: ${LOG_LEVELS.join(', ')}`,
  default: 'info',
  parse: oneOf<LogLevel>(LOG_LEVELS),
} as const satisfies OptionRow;

export const SYSLOG = {
  flag: '--syslog <HOST[:PORT]>',
  description: 'also log to this host: RFC 5424 over UDP, or TCP with tcp://HOST[:PORT]; port 514 unless given',
  parse: parseSyslogEndpoint,
} as const satisfies OptionRow;

export const MONITOR = {
  flag: '--monitor <HOST[:PORT]>',
  description: `send metrics to this host each 10 s: Influx line protocol over UDP; port ${MONITOR_PORT} unless given`,
  parse: (text: string) => parseEndpoint(text, MONITOR_PORT),
} as const satisfies OptionRow;

export const HTTP = {
  flag: '--http <[ADDR:]PORT>',
  description: 'serve /metrics, /health, /ready and /status here; on 127.0.0.1 unless an address is given',
  parse: parseListenEndpoint,
} as const satisfies OptionRow;

/** Octets of a server secret for cookies (RFC 9018 4.4). */
const COOKIE_SECRET_OCTETS = 16;

function parseCookieSecret(text: string): Result<Uint8Array, Fault> {
  if (/^[0-9a-f]*$/i.test(text) && text.length === 2 * COOKIE_SECRET_OCTETS) return ok(Buffer.from(text, 'hex'));
  const hint = `${2 * COOKIE_SECRET_OCTETS} hexadecimal digits, such as \`openssl rand -hex ${COOKIE_SECRET_OCTETS}\` prints`;
  return fail({ kind: 'usage', what: `a cookie secret of ${text.length} characters`, hint });
}

export const COOKIE_SECRET = {
  flag: '--cookie-secret <HEX>',
  description:
    'secret for DNS cookies that servers share, 128 bits, or @FILE; repeatable, the newest first; random unless given',
  secret: true,
  repeatable: true,
  parse: parseCookieSecret,
} as const satisfies OptionRow;

export const REQUIRE_COOKIES = {
  flag: '--require-cookies',
  description: 'over UDP answer only clients that show a good DNS cookie; others get BADCOOKIE, or TC',
} as const satisfies OptionRow;

/** More than anybody asks honestly; the table counts thousandths in 32 bits. */
const MAX_RATE = 100_000;

export const RATE_LIMIT = {
  flag: '--rate-limit <N>',
  description: 'alike responses a second over UDP to one /24 or /56; no limit unless given',
  parse: wholeNumber(1, MAX_RATE),
} as const satisfies OptionRow;

export const RATE_LIMIT_SLIP = {
  flag: '--rate-limit-slip <N>',
  description: 'every N-th response above the limit is sent truncated, the others are dropped; 0: all are',
  default: '2',
  parse: wholeNumber(0, 100),
} as const satisfies OptionRow;

export const ROUND_ROBIN = {
  flag: '--round-robin',
  description: 'turn the records of a set by one from answer to answer',
} as const satisfies OptionRow;

/** A thread costs memory, and answers some hundred thousand queries a second. */
const MAX_UDP_WORKERS = 256;

export const UDP_WORKERS = {
  flag: '--udp-workers <N>',
  description: 'threads that answer UDP; one less than the machine has cores, and at least one, unless given',
  parse: wholeNumber(1, MAX_UDP_WORKERS),
} as const satisfies OptionRow;

export const UDP = {
  flag: '--udp <WAY>',
  description:
    'how datagrams are received: `auto`, many with one call of the kernel where the system is Linux; `portable`, one by one',
  default: 'auto',
  parse: oneOf(['auto', 'portable']),
} as const satisfies OptionRow;

/** How name servers answer, and guard themselves. */
export const ANSWERING_OPTIONS = [
  UDP_WORKERS,
  UDP,
  COOKIE_SECRET,
  REQUIRE_COOKIES,
  RATE_LIMIT,
  RATE_LIMIT_SLIP,
  ROUND_ROBIN,
] as const;

/** Those that all services have, in the order of the documentation. */
export const SERVICE_OPTIONS = [PORT, LISTEN, DATA, LOG_LEVEL, SYSLOG, MONITOR, HTTP] as const;
