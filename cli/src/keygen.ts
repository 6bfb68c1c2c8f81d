/**
 * `zonewright keygen`: fresh keys, printed in the forms in which they are used. `awa_gen_key` of the original is `keygen ssh`.
 *
 * The original derives keys from a seed; its generator for RSA is its own, so `rsa:SEED` cannot be had elsewhere. Here keys are
 * random, and only Ed25519 ones are made for SSH.
 */
import { randomBytes } from 'node:crypto';
import { keyScope, OPERATIONS, printKey } from '@zonewright/common/authority/key';
import { keyFileName } from '@zonewright/common/authority/zone-file';
import { generateSshKey, privateText, publicLine } from '@zonewright/common/git/ssh-key';
import type { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { EXIT, type ExitCode } from '@zonewright/common/service/exit';
import { type ArgumentRow, type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { oneOf } from '@zonewright/common/service/service-options';
import { TSIG_ALGORITHMS, type TsigAlgorithm, tsigKey } from '@zonewright/common/wire/tsig';
import { parseName, plainName } from './words.ts';

function parseAlgorithm(text: string): Result<TsigAlgorithm, Fault> {
  const plain = text.toUpperCase().replace(/^HMAC-/, '');
  const found = TSIG_ALGORITHMS.find(({ mnemonic, number }) => mnemonic === plain || String(number) === plain);
  if (found !== undefined) return ok(found);
  const hint = TSIG_ALGORITHMS.map(({ mnemonic }) => mnemonic).join(', ');
  return fail({ kind: 'usage', what: `"${text}" is no algorithm for TSIG`, hint });
}

/** A name with a colon could not be read again in NAME:ALG:SECRET. */
function parseKeyName(text: string): Result<Name, Fault> {
  const name = parseName(text);
  if (!name.ok || !text.includes(':')) return name;
  const hint = 'an IPv6 address has - for :, as in x.fd00--2._transfer.mirage';
  return fail({ kind: 'usage', what: `"${text}" has a colon`, hint });
}

function parseSshType(text: string): Result<'ed25519', Fault> {
  if (text.toLowerCase() === 'ed25519') return ok('ed25519');
  if (text.toLowerCase() !== 'rsa')
    return fail({ kind: 'usage', what: `"${text}" is not among the choices`, hint: 'ed25519' });
  const hint = 'use ed25519, or make one with "ssh-keygen -t rsa -m PEM" and give its file as --ssh-key @FILE';
  return fail({ kind: 'usage', what: 'RSA keys are not made here', hint });
}

function parseSeed(): Result<never, Fault> {
  const what = 'keys are made at random: whoever knows a seed knows the key';
  return fail({ kind: 'usage', what, hint: 'a key made before stays usable as ed25519:BASE64' });
}

/** As many octets as the MAC has (RFC 2104 3). */
function makeTsig(name: Name, algorithm: TsigAlgorithm, isJson: boolean, context: CommandContext): ExitCode {
  const secret = randomBytes(algorithm.macOctets);
  const text = secret.toString('base64');
  const scope = keyScope(name);
  const record = `${name} DNSKEY 0 3 ${algorithm.number} ${text}`;
  const key = printKey(tsigKey(name, algorithm, secret));
  const clause = `key "${plainName(name)}" { algorithm hmac-${algorithm.hash}; secret "${text}"; };`;
  const file = scope === undefined ? undefined : keyFileName(scope.zone);
  if (isJson) {
    const what = scope === undefined ? {} : { operation: scope.operation, zone: scope.zone.toString(), file };
    context.out(
      JSON.stringify({
        name: name.toString(),
        algorithm: algorithm.mnemonic,
        secret: text,
        key,
        record,
        clause,
        ...what,
      }),
    );
  } else {
    context.out(`; for the key file ${file ?? '_keys'} of the repository`);
    context.out(record);
    context.out('; as --key, --keys, --dns-key');
    context.out(key);
    context.out('; for nsupdate -k, dig -k and named.conf');
    context.out(clause);
  }
  if (scope === undefined) {
    const forms = OPERATIONS.map((operation) => `<anything>._${operation}.ZONE`).join(', ');
    context.err(
      `${context.program}: warning: ${name} does not say what the key may do: no server here takes it (${forms})`,
    );
  }
  return EXIT.done;
}

function makeSsh(isJson: boolean, context: CommandContext): ExitCode {
  const key = generateSshKey();
  const secret = privateText(key);
  const line = publicLine(key, 'zonewright');
  if (isJson) context.out(JSON.stringify({ type: key.type, private: secret, public: line }));
  else {
    context.out(`private key: ${secret}`);
    context.out(line);
  }
  return EXIT.done;
}

const KIND = {
  name: '<KIND>',
  description: 'tsig or ssh',
  parse: oneOf(['tsig', 'ssh']),
} as const satisfies ArgumentRow;

export const command = defineCommand({
  name: 'keygen',
  summary: 'make a TSIG or an SSH key',
  description: `Prints a fresh key.

keygen tsig NAME: a shared secret. NAME says what it may do: <anything>._update.ZONE, ._transfer.ZONE or ._notify.ZONE.
keygen ssh: a key pair for --ssh-key; the second line goes to the server of the repository.`,
  arguments: [
    KIND,
    { name: '[NAME]', description: 'name of the TSIG key, such as personal._update.mirage', parse: parseKeyName },
  ],
  options: [
    { flag: '--alg <ALG>', description: 'of the TSIG key', default: 'SHA256', parse: parseAlgorithm },
    {
      flag: '--type <TYPE>',
      aliases: ['--keytype'],
      description: 'of the SSH key',
      default: 'ed25519',
      parse: parseSshType,
    },
    { flag: '--seed <SEED>', description: 'of the original; refused', secret: true, parse: parseSeed },
    { flag: '--json', description: 'print one JSON object' },
  ],
  async run({ kind, name, alg, json }, context) {
    if (kind === 'ssh' && name !== undefined) return context.fail({ kind: 'usage', what: 'an SSH key has no name' });
    if (kind === 'ssh') return makeSsh(json, context);
    if (name !== undefined) return makeTsig(name, alg, json, context);
    const hint = 'for example: zonewright keygen tsig personal._update.mirage';
    return context.fail({ kind: 'usage', what: 'the name of the key is missing', hint });
  },
});
