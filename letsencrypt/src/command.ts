/** `zonewright letsencrypt`: its options, and what they come to. The wiring is in `service.ts`. */
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Key, parseKey } from '@zonewright/common/authority/key';
import { makeFolder, PRIVATE_FOLDER } from '@zonewright/common/git/durable';
import { canonicalAddress } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { parseAddress } from '@zonewright/common/service/endpoint';
import { createLog } from '@zonewright/common/service/log';
import { defineCommand, type Values } from '@zonewright/common/service/options';
import {
  DATA,
  HTTP,
  LISTEN,
  LOG_LEVEL,
  MONITOR,
  oneOf,
  PORT,
  SYSLOG,
  wholeNumber,
} from '@zonewright/common/service/service-options';
import { type AccountKeySource, accountKey } from './account.ts';
import { type AcmeClient, createAcmeClient, LETS_ENCRYPT } from './acme.ts';
import { CHALLENGE_TYPES } from './acme-resource.ts';
import { GRANTS, type Grant } from './budget.ts';
import { RSA_BITS } from './key.ts';
import { runLetsencrypt } from './service.ts';
import { openState } from './state-store.ts';
import { NAME_SCOPES } from './watch.ts';

/** More an hour no CA takes. */
const MOST_ORDERS = 1_000_000;
const ACCOUNT_KEY_TYPES = ['p256', 'p384', 'rsa'] as const;

function parseUpdateKey(text: string): Result<Key, Fault> {
  const key = parseKey(text);
  if (!key.ok || key.value.operation === 'update') return key;
  const what = `key ${key.value.name} may not update`;
  return fail({
    kind: 'usage',
    what,
    hint: 'certificates are published by UPDATE: take a key <anything>._update.ZONE',
  });
}

const options = [
  {
    flag: '--dns-key <NAME:ALG:SECRET>',
    description: 'update key; its zone, and all zones below, are looked after',
    secret: true,
    required: true,
    parse: parseUpdateKey,
  },
  {
    flag: '--dns-server <IP>',
    description: 'the primary that has the zones, reached on --port',
    required: true,
    parse: parseAddress,
  },
  {
    flag: '--names <WHERE>',
    description:
      'names that a request may have: anywhere in the zone of the key (zone), or at and below its host (host)',
    default: 'zone',
    parse: oneOf(NAME_SCOPES),
  },
  { flag: '--production', description: "use Let's Encrypt's production directory; staging unless given" },
  { flag: '--directory <URL>', description: 'use the ACME directory of another CA' },
  {
    flag: '--ca-file <FILE>',
    description: 'PEM certificates that the HTTPS of --directory may lead to, besides the usual ones',
  },
  {
    flag: '--account-key-seed <SEED>',
    description: 'the account key is derived from this text: "openssl rand -base64 30" makes a good one',
    secret: true,
  },
  {
    flag: '--account-key <FILE>',
    description: 'PEM file with the account key, made if it does not exist; with --data and no seed: DIR/account.pem',
  },
  {
    flag: '--account-key-type <TYPE>',
    description: `type of an account key that is made: ${ACCOUNT_KEY_TYPES.join(', ')}; p256 unless given`,
    parse: oneOf(ACCOUNT_KEY_TYPES),
  },
  {
    flag: '--account-bits <BITS>',
    description: 'bits of an RSA account key that is made',
    default: '4096',
    parse: wholeNumber(RSA_BITS.least, RSA_BITS.most),
  },
  { flag: '--email <ADDRESS>', description: 'where the CA may write to' },
  { flag: '--eab-kid <ID>', description: 'external account binding: identifier of the key that the CA gave' },
  { flag: '--eab-hmac-key <KEY>', description: 'external account binding: the key, base64url', secret: true },
  {
    flag: '--challenge <TYPE>',
    description:
      'how names are proven: dns-01, or dns-persist-01 where the CA offers it: a record that is written once and stays',
    default: 'dns-01',
    parse: oneOf(CHALLENGE_TYPES),
  },
  { flag: '--profile <NAME>', description: 'profile of the certificates, one that the CA has: tlsserver, shortlived' },
  {
    flag: '--preferred-chain <NAME>',
    description: 'common name of an issuer that the chain should have, where the CA has several chains',
  },
  {
    flag: '--orders-per-hour <COUNT>',
    description: 'orders begun in an hour at most; a fifth of them is for renewals only',
    parse: wholeNumber(1, MOST_ORDERS),
  },
  {
    flag: '--orders-per-domain <COUNT>',
    description:
      'new certificates ordered for a registered domain in seven days at most, half of them by one who asks; 0: any number',
    parse: wholeNumber(0, MOST_ORDERS),
  },
  { flag: '--no-caa', description: 'order without a look at CAA records' },
  { flag: '--no-status', description: 'write no TXT record with the status beside a request' },
  { ...PORT, description: 'port of the DNS server' },
  { ...LISTEN, description: 'the local address to ask from; nothing is listened on' },
  DATA,
  LOG_LEVEL,
  SYSLOG,
  MONITOR,
  HTTP,
] as const;

type LetsencryptValues = Values<readonly [], typeof options>;

export const command = defineCommand({
  name: 'letsencrypt',
  summary: 'turn signing requests found in zones into certificates',
  description:
    'A hidden secondary that finds signing requests at _letsencrypt._tcp.HOST, orders certificates by dns-01, and publishes them beside.\n' +
    'It opens no DNS port: --listen with one address only says which address it asks from.',
  arguments: [],
  options,
  async run(values, context) {
    const directory = directoryOf(values);
    if (!directory.ok) return context.fail(directory.fault);
    const onAccountMade = (account: string): void => log.info('account.made', { account });
    const acme = await openAcme(values, directory.value, onAccountMade);
    if (!acme.ok) return context.fail(acme.fault);
    const { challenge, profile, preferredChain } = values;
    const { logLevel, syslog, monitor, http, dnsKey, dnsServer, port, listen, names, data } = values;
    const state = data === undefined ? undefined : await openState(data);
    if (state?.ok === false) return context.fail(state.fault);
    const log = createLog({ level: logLevel, app: 'zonewright-letsencrypt', ...(syslog && { syslog }) });
    const damaged = state?.value.damaged;
    if (damaged !== undefined) log.warn('state.damaged', { file: damaged }, 'it was laid aside');
    return runLetsencrypt({
      key: dnsKey,
      server: { address: canonicalAddress(dnsServer), port },
      directory: directory.value,
      acme: acme.value,
      // The CA of --directory is to judge itself.
      isAnyKey: values.directory !== undefined,
      names,
      orders: {
        challenge,
        ...(profile !== undefined && { profile }),
        ...(preferredChain !== undefined && { preferredChain }),
      },
      grant: grantOf(values),
      isCaaChecked: !values.noCaa,
      isStatusWritten: !values.noStatus,
      ...(state && { store: state.value.store }),
      log,
      ...(listen.length === 1 && { source: listen[0]! }),
      ...(monitor && { monitor }),
      ...(http && { http }),
      report: (fault) => void context.fail(fault),
    });
  },
});

/** What a public CA grants, unless it is another or the options say so. */
function grantOf({ directory, ordersPerHour, ordersPerDomain }: LetsencryptValues): Grant {
  const { service, domain }: Grant = directory === undefined ? GRANTS.public : GRANTS.own;
  const most = ordersPerDomain ?? domain ?? 0;
  return { service: ordersPerHour ?? service, ...(most > 0 && { domain: most }) };
}

function directoryOf({ production, directory, caFile }: LetsencryptValues): Result<string, Fault> {
  if (production && directory !== undefined) {
    return fail({ kind: 'usage', what: '--production and --directory do not go together' });
  }
  if (caFile !== undefined && directory === undefined) {
    return fail({ kind: 'usage', what: '--ca-file is for --directory', hint: 'others are trusted as browsers do' });
  }
  return ok(directory ?? (production ? LETS_ENCRYPT.production : LETS_ENCRYPT.staging));
}

async function openAcme(
  values: LetsencryptValues,
  directory: string,
  onAccountMade: (url: string) => void,
): Promise<Result<AcmeClient, Fault>> {
  const { email, eabKid, eabHmacKey, caFile } = values;
  if ((eabKid === undefined) !== (eabHmacKey === undefined)) {
    return fail({ kind: 'usage', what: '--eab-kid and --eab-hmac-key go together' });
  }
  const caPem = caFile === undefined ? ok(undefined) : await read(caFile);
  if (!caPem.ok) return caPem;
  const key = await openAccountKey(values);
  if (!key.ok) return key;
  return createAcmeClient({
    directory,
    accountKey: key.value,
    // Whoever runs this service agrees to the terms of the CA that it names.
    termsAgreed: true,
    ...(email !== undefined && { email }),
    ...(eabKid !== undefined && eabHmacKey !== undefined && { eab: { kid: eabKid, hmacKey: eabHmacKey } }),
    ...(caPem.value !== undefined && { caPem: caPem.value }),
    onAccountMade,
  });
}

async function openAccountKey(values: LetsencryptValues): Promise<Result<KeyObject, Fault>> {
  const { accountKeySeed: seed, accountKeyType: type, accountBits: bits, data } = values;
  const isInData = seed === undefined && values.accountKey === undefined && data !== undefined;
  const file = isInData ? join(data, 'account.pem') : values.accountKey;
  // A folder that cannot be made is noticed when the file cannot be written.
  if (isInData) await makeFolder(data, PRIVATE_FOLDER).catch(() => undefined);
  const source: AccountKeySource = {
    bits,
    ...(seed !== undefined && { seed }),
    ...(file !== undefined && { file }),
    ...(type !== undefined && { type }),
  };
  return accountKey(source);
}

async function read(file: string): Promise<Result<string, Fault>> {
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return fail({ kind: 'usage', what: `--ca-file: cannot read ${file}: ${code ?? 'unknown'}` });
  }
}
