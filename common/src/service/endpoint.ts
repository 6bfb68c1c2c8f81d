/**
 * Addresses and ports as people write them: `53`, `HOST[:PORT]`, `[ADDR:]PORT`, `tcp://HOST[:PORT]`.
 *
 * An IPv6 address beside a port stands in brackets (RFC 3986 3.2.2); alone it may stand bare. Host names are only checked
 * for shape here, and resolved by whoever connects.
 */
import { isIP } from 'node:net';
import { type Fault, fail, ok, type Result } from '../result.ts';

/** A peer: host name or address without brackets, and port 1..65535. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A log host: syslog over UDP (RFC 5426) or TCP (RFC 6587). */
export interface SyslogEndpoint extends Endpoint {
  readonly transport: 'udp' | 'tcp';
}

const HOST = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?$/;

function unusable(what: string, hint: string): { readonly ok: false; readonly fault: Fault } {
  return fail({ kind: 'usage', what, hint });
}

/** A port number, 1..65535, in decimal digits. */
export function parsePort(text: string): Result<number, Fault> {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? ok(port) : unusable(`"${text}" is no port`, '1 to 65535');
}

/** An IPv4 or IPv6 address (with a `%scope`, if any); brackets are taken off. */
export function parseAddress(text: string): Result<string, Fault> {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  return isIP(bare) !== 0 ? ok(bare) : unusable(`"${text}" is no IP address`, 'for example 192.0.2.1 or 2001:db8::1');
}

function parseHost(text: string): Result<string, Fault> {
  const bare = /^\[(.*)\]$/.exec(text)?.[1];
  if (bare !== undefined) return parseAddress(bare);
  if (isIP(text) !== 0 || HOST.test(text)) return ok(text);
  return unusable(`"${text}" is no host`, 'a host name, an IPv4 address, or an IPv6 address in brackets');
}

/** Splits at the colon of the port. A bare IPv6 address has none: its colons are its own. */
function splitPort(text: string): { readonly host: string; readonly port?: string } {
  const at = text.lastIndexOf(':');
  if (at < 0 || isIP(text) === 6 || text.endsWith(']')) return { host: text };
  return { host: text.slice(0, at), port: text.slice(at + 1) };
}

/** `HOST[:PORT]`, with `defaultPort` where none is written. */
export function parseEndpoint(text: string, defaultPort: number): Result<Endpoint, Fault> {
  const parts = splitPort(text);
  const host = parseHost(parts.host);
  if (!host.ok) return host;
  if (parts.port === undefined) return ok({ host: host.value, port: defaultPort });
  const port = parsePort(parts.port);
  return port.ok ? ok({ host: host.value, port: port.value }) : port;
}

/** `[ADDR:]PORT`: where to listen; 127.0.0.1 unless an address is written. */
export function parseListenEndpoint(text: string): Result<Endpoint, Fault> {
  if (/^\d+$/.test(text)) {
    const port = parsePort(text);
    return port.ok ? ok({ host: '127.0.0.1', port: port.value }) : port;
  }
  const parts = splitPort(text);
  if (parts.port === undefined)
    return unusable(`"${text}" has no port`, 'PORT or ADDR:PORT, an IPv6 address in brackets');
  const host = parseAddress(parts.host);
  if (!host.ok) return host;
  const port = parsePort(parts.port);
  return port.ok ? ok({ host: host.value, port: port.value }) : port;
}

/** `[udp://|tcp://]HOST[:PORT]`; UDP and port 514 unless written. */
export function parseSyslogEndpoint(text: string): Result<SyslogEndpoint, Fault> {
  const scheme = /^([a-z]+):\/\//.exec(text);
  const transport = scheme?.[1] ?? 'udp';
  if (transport !== 'udp' && transport !== 'tcp')
    return unusable(`"${transport}" is no syslog transport`, 'udp or tcp');
  const endpoint = parseEndpoint(text.slice(scheme?.[0].length ?? 0), 514);
  return endpoint.ok ? ok({ ...endpoint.value, transport }) : endpoint;
}

/** `HOST:PORT`, an IPv6 address in brackets: the inverse of {@link parseEndpoint}. */
export function printEndpoint(endpoint: Endpoint): string {
  return isIP(endpoint.host) === 6 ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}
