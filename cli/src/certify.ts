/**
 * `zonewright certify`: a certificate through the DNS. The private key stays here; the CSR is posted as a TLSA record at
 * `_letsencrypt._tcp.HOST`, the ACME secondary puts the certificate and its chain beside it, and they are written to a file.
 *
 * A certificate that is in the DNS already is used, so that several servers of one host can run this with copies of one key.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseTsigKey } from '@zonewright/common/authority/key';
import { type Peer, printPeer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { TYPE } from '@zonewright/common/rr/type';
import { EXIT } from '@zonewright/common/service/exit';
import { type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { oneOf, wholeNumber } from '@zonewright/common/service/service-options';
import type { TsigKey } from '@zonewright/common/wire/tsig';
import { type Certificate, chainFor, fits, parseCertificate } from '@zonewright/letsencrypt/certificate';
import type { Csr } from '@zonewright/letsencrypt/csr';
import { DnsClient, type DnsFault } from '@zonewright/letsencrypt/dns';
import { readHost } from '@zonewright/letsencrypt/host';
import { RSA_BITS } from '@zonewright/letsencrypt/key';
import { nameOfHost, postingName } from '@zonewright/letsencrypt/posting';
import { application, changeTlsa } from '@zonewright/letsencrypt/publish';
import { readTlsaSet } from '@zonewright/letsencrypt/tlsa';
import { certificates, KEY_TYPES, request, writeCertificates } from './certify-files.ts';
import { resolveServer } from './server.ts';
import { PORT, SERVER } from './words.ts';

const DAY = 86_400_000;
/** Milliseconds before the first look and between two. */
const FIRST_LOOK = 1000;
const NEXT_LOOK = 2000;

function parseHost(text: string): Result<string, Fault> {
  const host = readHost(text.replace(/\.$/, ''));
  return host === undefined ? fail({ kind: 'usage', what: `"${text}" is no host name` }) : ok(host);
}

function parseFirstHost(text: string): Result<string, Fault> {
  const host = parseHost(text);
  if (!host.ok || !host.value.startsWith('*.')) return host;
  const hint = `${host.value.slice(2)} --additional '${host.value}'`;
  return fail({ kind: 'usage', what: 'a wildcard can only be an additional name', hint });
}

/** `--key` of other tools is a key for the DNS, and a secret must not become the name of a file. */
function parseKeyFile(text: string): Result<string, Fault> {
  if (!parseTsigKey(text).ok) return ok(text);
  return fail({ kind: 'usage', what: 'this is a key for the DNS, not the name of a file', hint: 'see --dns-key' });
}

/** Does a certificate answer the request, and for longer than a day (or, of a short-lived one, a third of its life)? */
function isFitting(certificate: Certificate, csr: Csr, now: number): boolean {
  const left = Math.min(DAY, (certificate.notAfter - certificate.notBefore) / 3);
  return fits(certificate, csr, { now, until: now + left });
}

const endOf = (certificate: Certificate): string => new Date(certificate.notAfter).toISOString();

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
] as const;

export const command = defineCommand({
  name: 'certify',
  aliases: ['ocertify'],
  summary: 'get a certificate through the DNS',
  description:
    'Posts a signing request in the DNS, waits until the ACME secondary has answered it, writes the certificate.',
  arguments: [
    SERVER,
    { name: '<HOSTNAME>', description: 'the host that the certificate is for', parse: parseFirstHost },
  ],
  options,
  async run(values, context) {
    const { hostname, additional, force } = values;
    const file = values.certificate ?? `${hostname}.pem`;
    const hosts = [...new Set([hostname, ...additional])];
    const csr = await request(
      {
        hosts,
        keyFile: values.key ?? `${hostname}.key`,
        csrFile: values.csr ?? `${hostname}.req`,
        ...(values.type !== undefined && { type: values.type }),
        ...(values.bits !== undefined && { bits: values.bits }),
      },
      context.err,
    );
    if (!csr.ok) return context.fail(csr.fault);
    const present = await certificates(file);
    if (!present.ok) return context.fail(present.fault);
    const good = present.value.find((one) => isFitting(one, csr.value, Date.now()));
    if (good !== undefined && !force) {
      context.out(`${file} holds a certificate for ${hosts.join(' ')} until ${endOf(good)}: nothing to do`);
      return EXIT.done;
    }
    const chain = await fetchChain(values, csr.value, context);
    if (!chain.ok) return context.fail(chain.fault);
    const written = await writeCertificates(file, chain.value);
    if (!written.ok) return context.fail(written.fault);
    context.out(`${file} holds a certificate for ${hosts.join(' ')} until ${endOf(chain.value[0]!)}`);
    return EXIT.done;
  },
});

interface Asked {
  readonly server: string;
  readonly port: number;
  readonly hostname: string;
  readonly dnsKey: TsigKey | undefined;
  /** Seconds. */
  readonly wait: number;
}

/** The certificate and its chain, out of the DNS; the request is posted if it is not there. */
async function fetchChain(
  { server, port, hostname, dnsKey, wait }: Asked,
  csr: Csr,
  context: CommandContext,
): Promise<Result<readonly Certificate[], Fault>> {
  const name = postingName(nameOfHost(hostname));
  if (name === undefined) return fail({ kind: 'usage', what: `${hostname} is too long to request a certificate for` });
  const peers = await resolveServer(server, port);
  if (!peers.ok) return peers;
  const look = (dns: DnsClient, signal?: AbortSignal) => dns.lookup(name, TYPE.TLSA, { signal });
  const first = await firstToAnswer(peers.value, dnsKey, look);
  if (!first.ok) return first;
  const { dns, rdatas } = first.value;
  const found = chainIn(rdatas, csr);
  if (found !== undefined) {
    context.err(`found a certificate at ${name}`);
    return ok(found);
  }

  const { csrs } = readTlsaSet(rdatas);
  const isPosted = csrs.length === 1 && Buffer.from(csrs[0]!).equals(csr.der);
  if (isPosted) context.err(`the signing request is already at ${name}`);
  else {
    if (dnsKey === undefined) {
      const what = `there is no certificate at ${name}, and no key to request one`;
      return fail({ kind: 'usage', what, hint: 'give --dns-key' });
    }
    const zone = await dns.zoneOf(name);
    if (!zone.ok) return zone;
    context.err(`posting the signing request at ${name} in zone ${zone.value} of ${printPeer(dns.server)}`);
    const posted = await changeTlsa(dns, zone.value, name, (set) => application(set, csr.der));
    if (!posted.ok) return posted;
  }
  return poll(dns, look, csr, { wait, where: name.toString() }, context);
}

type Look = (dns: DnsClient, signal?: AbortSignal) => Promise<Result<readonly Uint8Array[], DnsFault>>;

async function firstToAnswer(
  peers: readonly Peer[],
  key: TsigKey | undefined,
  look: Look,
): Promise<Result<{ readonly dns: DnsClient; readonly rdatas: readonly Uint8Array[] }, Fault>> {
  let last: Fault = { kind: 'unreachable', what: 'the server has no address' };
  for (const server of peers) {
    const dns = new DnsClient({ server, ...(key && { key }) });
    const rdatas = await look(dns);
    if (rdatas.ok) return ok({ dns, rdatas: rdatas.value });
    last = rdatas.fault;
    if (last.kind !== 'unreachable' && last.kind !== 'timeout') break;
  }
  return fail(last);
}

/** A fitting certificate with its chain, the one that lasts longest. */
function chainIn(rdatas: readonly Uint8Array[], csr: Csr): readonly Certificate[] | undefined {
  const set = readTlsaSet(rdatas);
  const readable = (ders: readonly Uint8Array[]): Certificate[] =>
    ders.map(parseCertificate).flatMap((one) => (one.ok ? [one.value] : []));
  const now = Date.now();
  const good = readable(set.certificates).filter((one) => isFitting(one, csr, now));
  const [leaf] = good.sort((a, b) => b.notAfter - a.notAfter);
  return leaf && chainFor(leaf, readable(set.chain));
}

/** Asks until the certificate is there or the time is over. A server that is away for a while is no reason to give up. */
async function poll(
  dns: DnsClient,
  look: Look,
  csr: Csr,
  { wait, where }: { readonly wait: number; readonly where: string },
  context: CommandContext,
): Promise<Result<readonly Certificate[], Fault>> {
  const deadline = performance.now() + wait * 1000;
  context.err(`waiting up to ${wait} s for the certificate`);
  let last: DnsFault | undefined;
  for (let pause = FIRST_LOOK; ; pause = NEXT_LOOK) {
    const left = deadline - performance.now();
    if (left > 0) await sleep(Math.min(pause, left));
    const rdatas = await look(dns, AbortSignal.timeout(Math.ceil(Math.max(deadline - performance.now(), NEXT_LOOK))));
    const found = rdatas.ok ? chainIn(rdatas.value, csr) : undefined;
    if (found !== undefined) return ok(found);
    if (!rdatas.ok && rdatas.fault.kind !== last?.kind) context.err(`${rdatas.fault.what}; trying again`);
    last = rdatas.ok ? undefined : rdatas.fault;
    if (last?.kind === 'refused') return fail(last);
    if (performance.now() >= deadline) break;
  }
  if (last !== undefined) return fail(last.kind === 'aborted' ? { ...last, kind: 'timeout' } : last);
  return fail({
    kind: 'timeout',
    what: `no certificate at ${where} after ${wait} s`,
    hint: 'does the letsencrypt service run? its log and its /status say why; call again to go on waiting',
  });
}
