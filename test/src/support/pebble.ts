/**
 * A real CA for tests: pebble on free ports, which refuses one of twenty good nonces. It ends with its owner.
 * Needs the program `pebble`: declare tests with `testWith(test, ['pebble'])`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Pebble, type PebbleOptions, startPebble as start } from '@zonewright/cli/pebble';
import { needed } from './needs.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { freePort } from './ports.ts';

/** What a test may choose; the DNS server it has to. */
export type PebbleChoice = Pick<PebbleOptions, 'dnsServer'> & Partial<PebbleOptions>;

/** A CA that answers. */
export interface TestPebble {
  /** URL of the directory. */
  readonly directory: string;
  /** Path of the PEM file to trust the CA's HTTPS with. */
  readonly caFile: string;
  /** PEM of the root above what it issues. */
  root(): Promise<string>;
  /** Everything it wrote since it was started last. */
  output(): string;
  /** How many orders it has taken since then. */
  orders(): number;
  stop(): Promise<void>;
  /** Starts it again where it was, as another authority: it knows no account and no order of before. */
  restart(choice?: Partial<PebbleOptions>): Promise<void>;
}

/** Starts pebble. Throws where it does not come up. */
export const startPebble = async (owner: Owner, choice: PebbleChoice): Promise<TestPebble> => {
  const options: PebbleOptions = {
    folder: temporaryFolder(owner, 'pebble'),
    port: await freePort(),
    managementPort: await freePort(),
    program: needed('pebble'),
    nonceReject: 5,
    authorizationReuse: 0,
    // A machine that runs many tests takes its time.
    timeout: 60_000,
    ...choice,
  };
  const begin = async (more: Partial<PebbleOptions>): Promise<Pebble> => {
    const started = await start({ ...options, ...more });
    if (!started.ok) throw new Error(started.fault.what);
    return started.value;
  };
  let pebble = await begin({});
  owner.teardown(async () => {
    await pebble.stop();
    if (!owner.passed) owner.log(`output of pebble:\n${pebble.output()}`);
  });
  const { directory, caFile } = pebble;
  return {
    directory,
    caFile,
    output: () => pebble.output(),
    orders: () => Number([...pebble.output().matchAll(/There are now (\d+) orders in the db/g)].at(-1)?.[1] ?? 0),
    stop: () => pebble.stop(),
    restart: async (more = {}) => {
      await pebble.stop();
      const read = (file: string): string => readFileSync(join(options.folder, file), 'utf8');
      pebble = await begin({ tls: { certificate: read('tls.pem'), key: read('tls.key') }, ...more });
    },
    root: async () => {
      const root = await pebble.root();
      if (!root.ok) throw new Error(root.fault.what);
      return root.value;
    },
  };
};
