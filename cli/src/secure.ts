/** Asking over TLS (RFC 7858): options that tools share, and what they come to. */
import { isIP } from 'node:net';
import type { TlsClient } from '@zonewright/common/net/tls-client';
import { type Fault, ok, type Result } from '@zonewright/common/result';
import { SILENT_LOG } from '@zonewright/common/service/log';
import type { OptionRow, Values } from '@zonewright/common/service/options';
import { parsePrimaryTls, primaryTlsOf } from '@zonewright/common/service/tls-options';

export const TLS_OPTIONS = [
  {
    flag: '--tls <MODE>',
    description:
      'ask over TLS, and over nothing else, a server whose key has the `pin:SHA256` (repeatable), or with a certificate of an authority, `ca[:FILE]`',
    repeatable: true,
    parse: parsePrimaryTls,
  },
  { flag: '--tls-name <NAME>', description: 'the name that its certificate must be for with `ca`' },
  { flag: '--tls-client-cert <FILE>', description: 'certificate to show to the server, PEM' },
  { flag: '--tls-client-key <FILE>', description: 'its key, PEM' },
] as const satisfies readonly OptionRow[];

const WORDS = { mode: '--tls', name: '--tls-name' } as const;
const PLAIN_PORT = 53;
const TLS_PORT = 853;

export interface Secured {
  readonly tls?: TlsClient;
  readonly port: number;
}

/** How `server` is to be asked, at the port that was given or is usual. */
export async function securedBy(
  values: Values<readonly [], typeof TLS_OPTIONS>,
  server: string,
  port: number,
): Promise<Result<Secured, Fault>> {
  const { tls, tlsName, tlsClientCert, tlsClientKey } = values;
  const host = server.replace(/:\d+$/, '');
  const isNamed = isIP(server) === 0 && !server.startsWith('[') && isIP(host) === 0;
  const isChecked = tls.some(({ kind }) => kind === 'ca');
  const primaryName = tlsName ?? (isNamed && isChecked ? host : undefined);
  const towards = await primaryTlsOf({ primaryTls: tls, primaryName, tlsClientCert, tlsClientKey }, SILENT_LOG, WORDS);
  if (!towards.ok) return towards;
  if (towards.value === undefined) return ok({ port });
  towards.value.close();
  // Nobody speaks TLS where everybody expects plain DNS.
  return ok({ tls: towards.value.value, port: port === PLAIN_PORT ? TLS_PORT : port });
}
