/**
 * The options of DNS over TLS, as rows for a command's table, and what they come to: a gate for those who connect (RFC 7858), and the
 * way to primaries (RFC 9103).
 *
 * What is not asked for is not loaded.
 * Always holds: what cannot work together, and a file that cannot be used at the start, is a fault of kind `usage`; later it is a line
 * of the log, and what was in force stays.
 */
import type { TlsListening } from '../net/listen.ts';
import type { TlsClient, TlsTrust } from '../net/tls-client.ts';
import type { TlsFault, TlsGate } from '../net/tls-gate.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { parseBase64 } from '../rr/encoding.ts';
import { parsePort } from './endpoint.ts';
import type { Log } from './log.ts';
import type { OptionRow, Values } from './options.ts';
import type { TlsExpiry } from './tls-expiry.ts';
import type { Contents } from './tls-files.ts';

/** A path, also as `@FILE`, by which all other files are named. */
function parsePath(text: string): Result<string, Fault> {
  const path = text.replace(/^@/, '');
  return path === '' ? fail({ kind: 'usage', what: 'no file', hint: 'the path of a PEM file' }) : ok(path);
}

/** For those who connect. */
export const TLS_OPTIONS = [
  {
    flag: '--tls-cert <FILE>',
    description: 'certificate, and those above it, PEM: answer over TLS too; read again when it changes',
    parse: parsePath,
  },
  { flag: '--tls-key <FILE>', description: 'its key, PEM', parse: parsePath },
  { flag: '--tls-port <PORT>', description: 'where TLS is spoken', default: '853', parse: parsePort },
  {
    flag: '--tls-client-ca <FILE>',
    description: 'ask clients for certificates of these authorities, PEM, which keys may demand: transport=mtls',
    parse: parsePath,
  },
] as const satisfies readonly OptionRow[];

/** How primaries are reached. */
export type PrimaryTls =
  | { readonly kind: 'none' }
  | { readonly kind: 'pin'; readonly pin: string }
  | { readonly kind: 'ca'; readonly file?: string };

const SHA256_OCTETS = 32;

/** `none`, `pin:BASE64` (or 64 hexadecimal digits), `ca`, `ca:FILE`. */
export function parsePrimaryTls(text: string): Result<PrimaryTls, Fault> {
  const [, kind, rest] = /^([a-z]+)(?::(.*))?$/.exec(text) ?? [];
  if (kind === 'none' && rest === undefined) return ok({ kind });
  if (kind === 'ca' && rest !== '') return ok(rest === undefined ? { kind } : { kind, file: rest.replace(/^@/, '') });
  const octets = /^[0-9a-f]{64}$/i.test(rest ?? '') ? Buffer.from(rest!, 'hex') : parseBase64(rest ?? '');
  if (kind === 'pin' && octets?.length === SHA256_OCTETS)
    return ok({ kind, pin: Buffer.from(octets).toString('base64') });
  const hint = 'none, pin:SHA256 of the SubjectPublicKeyInfo in base64, ca, or ca:FILE';
  return fail({ kind: 'usage', what: `"${text}" is no way to know a server by`, hint });
}

/** For those whom we connect to. */
export const PRIMARY_TLS_OPTIONS = [
  {
    flag: '--primary-tls <MODE>',
    description:
      'how primaries are reached: `none`, in plain; over TLS, with a certificate whose key has the `pin:SHA256` (repeatable), or one of an authority, `ca[:FILE]`',
    repeatable: true,
    parse: parsePrimaryTls,
  },
  {
    flag: '--primary-name <NAME>',
    description: 'the name that certificates of primaries must be for with `ca`; their address unless given',
  },
  { flag: '--primary-tls-port <PORT>', description: 'where primaries speak TLS', default: '853', parse: parsePort },
  { flag: '--tls-client-cert <FILE>', description: 'certificate to show to primaries, PEM', parse: parsePath },
  { flag: '--tls-client-key <FILE>', description: 'its key, PEM', parse: parsePath },
] as const satisfies readonly OptionRow[];

/** Something that was made from files and follows them. */
export interface Following<T> {
  readonly value: T;
  /** Looks at the files now. */
  renew(): Promise<void>;
  close(): void;
}

/** Makes something of files, and renews it when they change. */
async function following<T extends { renew(from: From): Result<void, TlsFault> }, Word extends string, From>(
  paths: Readonly<Partial<Record<Word, string>>>,
  options: Readonly<Record<Word | 'cert' | 'key', string>>,
  from: (contents: Contents<Word>) => From,
  open: (from: From) => Result<T, TlsFault>,
  log: Log,
  onRenewed: (made: T) => void = () => undefined,
): Promise<Result<Following<T>, Fault>> {
  let made: T | undefined;
  const named = (used: Result<void, TlsFault>): Result<void, TlsFault> =>
    used.ok || used.fault.isMismatch === undefined
      ? used
      : fail({ ...used.fault, what: `${options.key} is not the key of ${options.cert}` });
  const use = (contents: Contents<Word>): Result<void, TlsFault> => {
    const parts = from(contents);
    if (made !== undefined) {
      const renewed = named(made.renew(parts));
      if (renewed.ok) onRenewed(made);
      return renewed;
    }
    const opened = open(parts);
    if (opened.ok) made = opened.value;
    return opened.ok ? ok(undefined) : named(opened);
  };
  const { TlsFiles } = await import('./tls-files.ts');
  const files = await TlsFiles.open({ paths, options, use, log });
  if (!files.ok) return fail({ kind: 'usage', what: files.fault.what });
  if (made === undefined) throw new Error('files have been read and not used');
  return ok({ value: made, renew: () => files.value.renew(), close: () => files.value.close() });
}

/** Where to listen, by files. */
export interface TlsFollowing extends Following<TlsGate> {
  readonly listening: TlsListening;
  readonly expiry: TlsExpiry;
}

const LISTENING_WORDS = { cert: '--tls-cert', key: '--tls-key', clientCa: '--tls-client-ca' } as const;

function usage(what: string, hint: string): Result<never, Fault> {
  return fail({ kind: 'usage', what, hint });
}

/** Where to listen with TLS; `undefined` where that is not wanted. */
export async function tlsListeningOf(
  { tlsCert, tlsKey, tlsPort, tlsClientCa }: Values<readonly [], typeof TLS_OPTIONS>,
  log: Log,
): Promise<Result<TlsFollowing | undefined, Fault>> {
  if (tlsCert === undefined && tlsKey === undefined) {
    if (tlsClientCa === undefined) return ok(undefined);
    return usage('--tls-client-ca is for a server that speaks TLS', 'give --tls-cert and --tls-key too');
  }
  if (tlsCert === undefined || tlsKey === undefined)
    return usage('--tls-cert and --tls-key are one without the other', 'a certificate and its key');
  const paths = { cert: tlsCert, key: tlsKey, ...(tlsClientCa === undefined ? {} : { clientCa: tlsClientCa }) };
  const [{ TlsGate }, { TlsExpiry }] = await Promise.all([import('../net/tls-gate.ts'), import('./tls-expiry.ts')]);
  let expiry: TlsExpiry | undefined;
  const gate = await following(
    paths,
    LISTENING_WORDS,
    ({ cert, key, clientCa }) => ({ cert: cert!, key: key!, ...(clientCa === undefined ? {} : { clientCa }) }),
    (identity) => TlsGate.open(identity),
    log,
    (opened) => expiry?.renew(opened.end),
  );
  if (!gate.ok) return gate;
  const { value, close, renew } = gate.value;
  expiry = new TlsExpiry(value.end, tlsCert, log);
  const closeAll = (): void => {
    close();
    expiry?.close();
  };
  return ok({ value, renew, close: closeAll, expiry, listening: { port: tlsPort, gate: value } });
}

/** What those options are called by whoever asks primaries; tools call them otherwise. */
const PRIMARY_WORDS = { mode: '--primary-tls', name: '--primary-name' } as const;

type Towards = Omit<Values<readonly [], typeof PRIMARY_TLS_OPTIONS>, 'primaryTlsPort'>;

/** How primaries are reached over TLS; `undefined` where they are in plain. */
export async function primaryTlsOf(
  { primaryTls, primaryName, tlsClientCert, tlsClientKey }: Towards,
  log: Log,
  words: { readonly mode: string; readonly name: string } = PRIMARY_WORDS,
): Promise<Result<Following<TlsClient> | undefined, Fault>> {
  const pins = primaryTls.flatMap((mode) => (mode.kind === 'pin' ? [mode.pin] : []));
  const authorities = primaryTls.filter((mode) => mode.kind === 'ca');
  const isPlain = pins.length === 0 && authorities.length === 0;
  if (!isPlain && primaryTls.some(({ kind }) => kind === 'none'))
    return usage(`${words.mode} none stands beside another way`, 'in plain, or over TLS');
  if (authorities.length > 1) return usage(`${words.mode} ca stands there twice`, 'put all authorities in one file');
  if ((tlsClientCert === undefined) !== (tlsClientKey === undefined))
    return usage('--tls-client-cert and --tls-client-key are one without the other', 'a certificate and its key');
  if (isPlain) {
    if (primaryName === undefined && tlsClientCert === undefined) return ok(undefined);
    return usage(`${words.name} and --tls-client-cert are for TLS`, `give ${words.mode} too`);
  }
  const [authority] = authorities;
  if (primaryName !== undefined && authority === undefined)
    return usage(`${words.name} is looked at with ${words.mode} ca alone`, 'a pin is of a key, whatever its name');
  const paths = {
    ...(authority?.file === undefined ? {} : { ca: authority.file }),
    ...(tlsClientCert === undefined ? {} : { cert: tlsClientCert }),
    ...(tlsClientKey === undefined ? {} : { key: tlsClientKey }),
  };
  const { TlsClient } = await import('../net/tls-client.ts');
  return following(
    paths,
    { ca: words.mode, cert: '--tls-client-cert', key: '--tls-client-key' },
    ({ ca, cert, key }: Contents<'ca' | 'cert' | 'key'>): TlsTrust => ({
      pins,
      ...(authority === undefined ? {} : { ca: ca ?? 'system' }),
      ...(primaryName === undefined ? {} : { name: primaryName.replace(/\.$/, '') }),
      ...(cert === undefined || key === undefined ? {} : { identity: { cert, key } }),
    }),
    (trust) => TlsClient.open(trust),
    log,
  );
}
