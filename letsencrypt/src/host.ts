/**
 * Host names as they stand in CSRs and certificates: ASCII letters, digits and hyphens (RFC 5890 2.3.1, RFC 1123 2.1), with
 * one `*` allowed as the whole left-most label (RFC 9525 6.3). Lower case is the one form they have inside.
 */

/** How many octets a host name may have without its final dot (RFC 1035 2.3.4). */
export const HOST_OCTETS = 253;

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * `text` as a lower-case host name, `undefined` if a CA would not take it: an address, an underscore, an empty or
 * overlong label, a final dot, a wildcard anywhere but as the first label.
 */
export function readHost(text: string): string | undefined {
  const host = text.toLowerCase();
  if (host.length === 0 || host.length > HOST_OCTETS) return undefined;
  const labels = host.split('.');
  if (labels[0] === '*' && labels.length > 1) labels.shift();
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  // A name that ends in digits is an IPv4 address to everybody who reads it.
  return /^\d+$/.test(labels[labels.length - 1]!) ? undefined : host;
}

/** Whether two collections hold the same host names, in any order. */
export function isSameHosts(a: readonly string[], b: readonly string[]): boolean {
  const left = new Set(a.map((host) => host.toLowerCase()));
  const right = new Set(b.map((host) => host.toLowerCase()));
  return left.size === right.size && [...left].every((host) => right.has(host));
}
