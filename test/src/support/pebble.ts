/**
 * A real CA for tests: pebble on free ports, which refuses a fifth of all good nonces. It ends with its owner.
 * Needs the program `pebble`: declare tests with `testWith(test, ['pebble'])`.
 */
import { type PebbleOptions, startPebble as start } from '@zonewright/cli/pebble';
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
  /** Everything it wrote. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts pebble. Throws where it does not come up. */
export const startPebble = async (owner: Owner, choice: PebbleChoice): Promise<TestPebble> => {
  const started = await start({
    folder: temporaryFolder(owner, 'pebble'),
    port: await freePort(),
    managementPort: await freePort(),
    program: needed('pebble'),
    nonceReject: 20,
    authorizationReuse: 0,
    // A machine that runs many tests takes its time.
    timeout: 60_000,
    ...choice,
  });
  if (!started.ok) throw new Error(started.fault.what);
  const pebble = started.value;
  owner.teardown(async () => {
    await pebble.stop();
    if (!owner.passed) owner.log(`output of pebble:\n${pebble.output()}`);
  });
  return {
    ...pebble,
    root: async () => {
      const root = await pebble.root();
      if (!root.ok) throw new Error(root.fault.what);
      return root.value;
    },
  };
};
