/**
 * A place where `certify` asks, and a test answers by hand: our primary with one zone, and what the ACME secondary would write
 * beside a request.
 */
import { createPrivateKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { selfSigned } from '@zonewright/letsencrypt/x509';
import { type KeyText, nsupdate } from './dig.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { freePort } from './ports.ts';
import { type Program, type Ran, startProgram } from './process.ts';
import { makeRepository } from './repository.ts';
import { PRIMARY, type Scene, startScene, zoneText } from './scene.ts';
import { keyLine, type Secrecy } from './secrecy.ts';
import { root, tool } from './zonewright.ts';

const ORIGIN = 'certified.test';
/** A zone for a real ACME secondary. */
export const REAL_ORIGIN = 'real.test';
const DAY = 86_400_000;

/** A server whom `certify` asks. */
export interface Answering {
  readonly primary: Scene;
  /** Of a real ACME secondary. */
  readonly acme: KeyText;
  /** Of whoever asks, in both zones. */
  readonly key: KeyText;
  /** A host of its own, with files of its own. */
  host(owner: Owner, name: string): Host;
}

export interface Host {
  readonly hostname: string;
  readonly folder: string;
  /** Runs `zonewright certify` for the host to its end, with the key unless told otherwise. */
  certify(flags?: readonly string[], options?: { readonly port?: number; readonly isKeyless?: boolean }): Promise<Ran>;
  /** The same beside the test. */
  begin(...flags: readonly string[]): Promise<Program>;
  /** Takes the place of all certificates there; valid for so many days, the first of which was so many days ago. */
  issue(days: number, ago?: number): Promise<void>;
  /** Takes the place of all texts there. */
  say(text: string): Promise<void>;
  /** The first three fields of each TLSA record. */
  records(): Promise<readonly string[]>;
  update(...commands: readonly string[]): Promise<void>;
  path(ending: string): string;
}

export const startAnswering = async (owner: Owner, secrecy: Secrecy): Promise<Answering> => {
  const key = secrecy.newKey('client._update.test');
  const acme = secrecy.newKey(`acme._update.${REAL_ORIGIN}`);
  const repository = await makeRepository(owner, {
    _keys: keyLine(key) + keyLine(acme),
    [ORIGIN]: zoneText(1),
    [REAL_ORIGIN]: zoneText(1),
  });
  const port = await freePort(PRIMARY);
  const primary = await startScene(owner, secrecy, 'primary', ['--remote', repository.path], { port });
  return { primary, key, acme, host: (t, name) => hostOf(t, secrecy, primary, key, `${name}.${ORIGIN}`) };
};

const hostOf = (owner: Owner, secrecy: Secrecy, primary: Scene, key: KeyText, hostname: string): Host => {
  const folder = temporaryFolder(owner, 'certify');
  const name = `_letsencrypt._tcp.${hostname}`;
  const path = (ending: string): string => join(folder, `${hostname}${ending}`);
  const update: Host['update'] = async (...commands) => {
    const all = [`zone ${ORIGIN}`, ...commands];
    const ran = await nsupdate({ server: primary.address, port: primary.port, owner, key, commands: all, tcp: true });
    if (ran.code !== 0) throw new Error(ran.text);
  };
  const tlsa = async (): Promise<readonly string[]> =>
    (await primary.ask(name, 'TLSA', '+tcp')).answer.map(({ data }) => data);
  const wordsFor = (flags: readonly string[], port: number): string[] => [
    'certify',
    '--port',
    `${port}`,
    ...flags,
    primary.address,
    hostname,
  ];
  return {
    hostname,
    folder,
    path,
    update,
    certify: async (flags = [], { port = primary.port, isKeyless = false } = {}) => {
      const env = isKeyless ? {} : { ZONEWRIGHT_DNS_KEY: key };
      const ran = await tool('zonewright', wordsFor(flags, port), { cwd: folder, env, timeout: 60_000 });
      secrecy.look(ran.stdout + ran.stderr);
      return ran;
    },
    begin: (...flags) =>
      startProgram(owner, process.execPath, [join(root, 'bin', 'zonewright'), ...wordsFor(flags, primary.port)], {
        cwd: folder,
        env: { ZONEWRIGHT_DNS_KEY: key },
        name: 'zonewright certify',
      }),
    issue: async (days, ago = 0) => {
      if (!existsSync(path('.key'))) throw new Error('nobody has asked yet');
      const private_ = createPrivateKey(readFileSync(path('.key')));
      const notBefore = new Date(Date.now() - ago * DAY - 60_000);
      const der = await selfSigned({ key: private_, hosts: [hostname], addresses: [], notBefore, days });
      const old = (await tlsa()).filter((data) => data.startsWith('3 0 0 '));
      await update(
        ...old.map((data) => `delete ${name} TLSA ${data}`),
        `add ${name} 3600 TLSA 3 0 0 ${Buffer.from(der).toString('hex')}`,
      );
    },
    say: (text) => update(`delete ${name} TXT`, `add ${name} 60 TXT "${text.replaceAll('"', '\\"')}"`),
    records: async () => (await tlsa()).map((data) => data.split(' ').slice(0, 3).join(' ')).sort(),
  };
};
