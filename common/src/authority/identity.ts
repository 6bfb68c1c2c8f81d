/** What the server says about itself, in class CH (RFC 4892) and as NSID (RFC 5001): a table of names. */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';

export interface Identity {
  readonly version: string;
  /** Host name or what the operator calls this server. */
  readonly id: string;
  /** The commit being served, by servers that know it. */
  readonly commit?: string;
}

const names: Readonly<Record<string, keyof Identity>> = {
  'version.bind.': 'version',
  'version.server.': 'version',
  'id.server.': 'id',
  'hostname.bind.': 'id',
  'commit.server.': 'commit',
};

/** The TXT records for a name of class CH; `undefined` when there is no such name. */
export function identify(identity: Identity, name: Name, type: number): readonly ResourceRecord[] | undefined {
  const field = names[name.toString().toLowerCase()];
  const text = field === undefined ? undefined : identity[field];
  if (text === undefined) return undefined;
  if (type !== TYPE.TXT && type !== TYPE.ANY) return [];
  const octets = Buffer.from(text, 'utf8').subarray(0, 255);
  return [{ name, type: TYPE.TXT, class: CLASS.CH, ttl: 0, rdata: Uint8Array.from([octets.length, ...octets]) }];
}
