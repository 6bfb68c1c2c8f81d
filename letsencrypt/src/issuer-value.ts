/**
 * The value of a CAA property `issue` or `issuewild` (RFC 8659 4.2), whose form the record of dns-persist-01 has as well: the domain name
 * of an issuer, or none, and parameters: `ca.example; accounturi=URL; policy=wildcard`.
 */

export interface IssuerValue {
  /** In lower case; empty where no issuer is meant. */
  readonly domain: string;
  /** By their tags, in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads a value; `undefined` for one that is none, which allows nobody. */
export function readIssuerValue(text: string): IssuerValue | undefined {
  const [domain = '', ...rest] = text.split(';').map((part) => part.trim());
  if (!/^[a-zA-Z0-9.-]*$/.test(domain)) return undefined;
  const parameters = new Map<string, string>();
  for (const part of rest) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const tag = part.slice(0, Math.max(0, equals)).trim().toLowerCase();
    // RFC 8657 3: whoever gives one of these twice means nobody.
    if (!/^[a-z0-9-]+$/.test(tag) || parameters.has(tag)) return undefined;
    parameters.set(tag, part.slice(equals + 1).trim());
  }
  return { domain: domain.toLowerCase(), parameters };
}
