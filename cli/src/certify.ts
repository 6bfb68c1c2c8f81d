/**
 * `zonewright certify`: a certificate through the DNS. The private key stays here; the CSR is posted as a TLSA record at
 * `_letsencrypt._tcp.HOST`, the ACME secondary puts the certificate and its chain beside it, and they are written to a file.
 *
 * A certificate that is in the DNS already is used, so that several servers of one host can run this with copies of one key.
 */
import { parseTsigKey } from '@zonewright/common/authority/key';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { EXIT } from '@zonewright/common/service/exit';
import { createLog } from '@zonewright/common/service/log';
import { type ArgumentRow, defineCommand, type Values } from '@zonewright/common/service/options';
import { LOG_LEVEL, oneOf, wholeNumber } from '@zonewright/common/service/service-options';
import type { Certificate } from '@zonewright/letsencrypt/certificate';
import { RSA_BITS } from '@zonewright/letsencrypt/key';
import { runDaemon } from './certify/daemon.ts';
import { hookOf } from './certify/deploy.ts';
import { KEY_TYPES } from './certify/files.ts';
import { parseFirstHost, parseHost } from './certify/host.ts';
import type { CertificateRequest } from './certify/obtain.ts';
import { round } from './certify/round.ts';
import { securedBy, TLS_OPTIONS } from './secure.ts';
import { PORT, SERVER } from './words.ts';

/** `--key` of other tools is a key for the DNS, and a secret must not become the name of a file. */
function parseKeyFile(text: string): Result<string, Fault> {
  if (!parseTsigKey(text).ok) return ok(text);
  return fail({ kind: 'usage', what: 'this is a key for the DNS, not the name of a file', hint: 'see --dns-key' });
}

const endOf = (certificate: Certificate): string => new Date(certificate.notAfter).toISOString();

const HOSTNAME = {
  name: '<HOSTNAME>',
  description: 'the host that the certificate is for',
  parse: parseFirstHost,
} as const satisfies ArgumentRow;

const options = [
  {
    flag: '--dns-key <NAME:ALG:SECRET>',
    description: 'update key; needed to post a request, not to fetch a certificate',
    secret: true,
    parse: parseTsigKey,
  },
  PORT,
  {
    flag: '--additional <HOST>',
    description: "another name of the certificate, also '*.HOST'; repeatable",
    repeatable: true,
    parse: parseHost,
  },
  { flag: '--csr <FILE>', description: 'signing request, made if it does not exist; HOSTNAME.req unless given' },
  {
    flag: '--key <FILE>',
    variable: 'ZONEWRIGHT_KEY_FILE',
    description: 'private key, made if it does not exist; HOSTNAME.key unless given',
    parse: parseKeyFile,
  },
  { flag: '--certificate <FILE>', description: 'where the certificate and its chain go; HOSTNAME.pem unless given' },
  {
    flag: '--type <TYPE>',
    description: `type of a key that is made: ${KEY_TYPES.join(', ')}; p256 unless given`,
    parse: oneOf(KEY_TYPES),
  },
  {
    flag: '--bits <BITS>',
    description: 'bits of an RSA key that is made; 4096 unless given',
    parse: wholeNumber(RSA_BITS.least, RSA_BITS.most),
  },
  { flag: '--force', description: 'fetch a certificate although the file holds one that fits' },
  {
    flag: '--wait <SECONDS>',
    description: 'how long to wait for the certificate',
    default: '300',
    parse: wholeNumber(0, 86_400),
  },
  {
    flag: '--deploy-hook <CMD>',
    description: 'run with each new certificate, until it ends with 0: has a service take the certificate up',
  },
  ...TLS_OPTIONS,
  { flag: '--daemon', description: 'keep running, and keep the certificate renewed' },
  { ...LOG_LEVEL, description: `with --daemon: ${LOG_LEVEL.description}` },
] as const;

export const command = defineCommand({
  name: 'certify',
  aliases: ['ocertify'],
  summary: 'get a certificate through the DNS',
  description:
    'Posts a signing request in the DNS, waits until the ACME secondary has answered it, writes the certificate. With --daemon, for good.',
  arguments: [SERVER, HOSTNAME],
  options,
  async run(values, context) {
    const { hostname, additional, force, wait, deployHook, logLevel } = values;
    const secured = await securedBy(values, values.server, values.port);
    if (!secured.ok) return context.fail(secured.fault);
    const wanted = { ...requestOf(values), ...secured.value };
    const deploy = deployHook === undefined ? undefined : hookOf(deployHook, wanted);
    if (values.daemon) {
      if (force) return context.fail({ kind: 'usage', what: '--force and --daemon do not go together' });
      return runDaemon(wanted, { wait, deploy, log: createLog({ level: logLevel, app: 'zonewright-certify' }) });
    }
    const done = await round(wanted, { wait, isForced: force, say: context.err }, deploy);
    if (!done.ok) return context.fail(done.fault);
    const hosts = [...new Set([hostname, ...additional])].join(' ');
    const rest = done.value.outcome === 'kept' ? ': nothing to do' : '';
    context.out(
      `${wanted.certificateFile} holds a certificate for ${hosts} until ${endOf(done.value.chain[0]!)}${rest}`,
    );
    return EXIT.done;
  },
});

type CertifyValues = Values<readonly [typeof SERVER, typeof HOSTNAME], typeof options>;

function requestOf({ server, port, hostname, additional, dnsKey, ...values }: CertifyValues): CertificateRequest {
  return {
    server,
    port,
    dnsKey,
    hostname,
    hosts: [...new Set([hostname, ...additional])],
    keyFile: values.key ?? `${hostname}.key`,
    csrFile: values.csr ?? `${hostname}.req`,
    certificateFile: values.certificate ?? `${hostname}.pem`,
    ...(values.type !== undefined && { type: values.type }),
    ...(values.bits !== undefined && { bits: values.bits }),
  };
}
