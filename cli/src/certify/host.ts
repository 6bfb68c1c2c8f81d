/** The names of a certificate as a person writes them. */
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { readHost } from '@zonewright/letsencrypt/host';

/** A host name, also `*.HOST`, with or without final dot; in lower case. */
export function parseHost(text: string): Result<string, Fault> {
  const host = readHost(text.replace(/\.$/, ''));
  return host === undefined ? fail({ kind: 'usage', what: `"${text}" is no host name` }) : ok(host);
}

/** The name at which a certificate is requested. */
export function parseFirstHost(text: string): Result<string, Fault> {
  const host = parseHost(text);
  if (!host.ok || !host.value.startsWith('*.')) return host;
  const hint = `${host.value.slice(2)} --additional '${host.value}'`;
  return fail({ kind: 'usage', what: 'a wildcard can only be an additional name', hint });
}
