/**
 * The configurations of secondaries in the primary's README, as they stand there, on the addresses of the page and on the DNS's own ports, in a
 * network namespace: BIND, Knot and NSD get a zone, or what a catalog names, and its changes.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { newAuthority } from '../support/certificates.ts';
import { dig, keyParts } from '../support/dig.ts';
import { missing, testUnless } from '../support/needs.ts';
import { namespaceReason, startNamespace } from '../support/netns.ts';
import { nsdServer } from '../support/nsd-peer.ts';
import { temporaryFolder } from '../support/owner.ts';
import { startProgram } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { pull, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { root } from '../support/zonewright.ts';

const secrecy = secrecyOf(anyTest);
const page = readFileSync(join(root, 'primary/README.md'), 'utf8');

const PRIMARY = '10.0.42.2';
const SECONDARY = '10.0.42.3';

/** The block of the page that follows these words. */
const blockAfter = (words: string): string => {
  const [, block] = /```\n([^`]*)```/.exec(page.slice(page.indexOf(words))) ?? [];
  if (!page.includes(words) || block === undefined) throw new Error(`the page has no block after "${words}"`);
  return block;
};

const knot = (folder: string, text: string): string => `server:
    rundir: "${folder}"
    listen: ${SECONDARY}
database:
    storage: "${folder}"
template:
  - id: default
    storage: "${folder}"
log:
  - target: stderr
    any: info
${text.replace('  - id: member\n', `$&    storage: "${folder}"\n`)}`;

const nsd = (folder: string, text: string): string => {
  mkdirSync(join(folder, 'transfers'));
  return nsdServer({ folder, address: SECONDARY, port: 53 }, ['xfrd-reload-timeout: 0', 'verbosity: 2']) + text;
};

const named = (folder: string, text: string): string => {
  const own = `directory "${folder}"; listen-on { ${SECONDARY}; }; listen-on-v6 { none; }; pid-file none; lock-file none;
  session-keyfile none; recursion no; empty-zones-enable no; dnssec-validation no;`;
  return `controls { };\n${text.includes('options {') ? text.replace('options {', `$& ${own}`) : `${text}options { ${own} };\n`}`;
};

/** Programs: what they read beside the page's configuration, how they are started, and what they say when they answer. */
const servers = {
  named: { configure: named, args: ['-g', '-n', '1', '-c'], ready: / running$/ },
  knotd: { configure: knot, args: ['-c'], ready: 'server started' },
  'knotd-3.4': { configure: knot, args: ['-c'], ready: 'server started' },
  nsd: { configure: nsd, args: ['-d', '-c'], ready: 'nsd started' },
  'nsd-4.12': { configure: nsd, args: ['-d', '-c'], ready: 'nsd started' },
} as const;

const zones = { bind: 'for BIND:', knot: 'For Knot:', nsd: 'For NSD:' };

/** The key of a configuration of a zone, and what else stands before the zone. */
const head = (words: string): string => blockAfter(words).replace(/^zone[\s\S]*/m, '');

/** With the key for all zones in place of that for one. */
const catalogOf = (words: string, following: string): string =>
  head(words).replaceAll('._transfer.mirage', '._transfer') + blockAfter(following);

const examples: readonly (readonly [what: string, program: keyof typeof servers, configuration: string])[] = [
  ['a zone', 'named', blockAfter(zones.bind)],
  ['a zone', 'knotd', blockAfter(zones.knot)],
  ['a zone', 'nsd', blockAfter(zones.nsd)],
  [
    'a zone over TLS',
    'knotd-3.4',
    blockAfter(zones.knot).replace(/^remote:[\s\S]*?(?=^acl:)/m, blockAfter('with this for its `remote`:')),
  ],
  ['a catalog', 'named', catalogOf(zones.bind, 'For BIND, with that key:')],
  ['a catalog', 'knotd', catalogOf(zones.knot, 'For Knot, with the key at the `remote`')],
  ['a catalog', 'nsd-4.12', catalogOf(zones.nsd, 'which follows one catalog:')],
];

for (const [what, program, configuration] of examples) {
  const absent = missing(program, 'git', 'dig', 'openssl');
  const reason = absent === undefined ? namespaceReason() : `needs package ${absent.join(', ')}`;
  testUnless(anyTest, reason)(`the configuration of ${program} for ${what} does what the page says`, async (t) => {
    const place = await startNamespace(t, [PRIMARY, SECONDARY]);
    const own = await (await newAuthority(t)).sign(['ns.mirage']);
    const [, keyName] = /"?(10\.0\.42\.2\.10\.0\.42\.3\._transfer[.\w]*)/.exec(configuration)!;
    const key = secrecy.newKey(keyName!);
    const limits = what === 'a zone over TLS' ? ' TXT "transport=tls"\n' : '';
    const version = (serial: number): string => zoneText(serial, `www A 192.0.2.${serial}\n`);
    const repository = await makeRepository(t, { _keys: `${keyLine(key)}${limits}`, mirage: version(1) });
    const flags = ['--remote', repository.path, '--catalog', 'catalog', '--tls-cert', own.cert, '--tls-key', own.key];
    const ours = { address: PRIMARY, port: 53, within: place };
    const primary = await startScene(t, secrecy, 'primary', flags, ours);

    const folder = temporaryFolder(t, 'readme');
    const text = configuration.replaceAll('SECRET', keyParts(key).secret).replaceAll('PIN', own.pin);
    const { configure, args, ready } = servers[program];
    const file = join(folder, 'configuration');
    writeFileSync(file, configure(folder, text), { mode: 0o600 });
    const follower = await startProgram(t, program, [...args, file], { cwd: folder, within: place });
    await follower.waitForLine(ready);
    const shows = (address: string): Promise<unknown> =>
      until(async () => (await dig({ server: SECONDARY, args: ['www.mirage', 'A'], within: place })).answer[0]?.data, {
        what: `${program} says ${address}`,
        holds: (seen) => seen === address,
        timeout: 30_000,
      });
    await shows('192.0.2.1');
    await pull(primary, await repository.push({ mirage: version(2) }));
    await shows('192.0.2.2');
    const sent = await primary.service.waitForEvent('transfer.out', { zone: 'mirage.', serial: 2, form: 'IXFR' });
    t.is(sent.key, `${keyName}.`);
  });
}
