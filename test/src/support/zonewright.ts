/**
 * Zonewright's own commands as a user runs them: `bin/zonewright` from the repository's root, under the test's node.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Owner } from './owner.ts';
import {
  type LogEvent,
  type Program,
  type ProgramOptions,
  type Ran,
  type RunOptions,
  run,
  startProgram,
} from './process.ts';

/** The repository's root, with a final slash. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

const bin = (name: string): string => join(root, 'bin', name);

export interface StartOptions extends ProgramOptions {
  /** Milliseconds until the service has to be ready; a minute unless given: a machine may be busy with much else. */
  readonly timeout?: number;
}

/** A running service, and the log line with which it said that it is ready. */
export type Service = Program & { readonly ready: LogEvent };

/** Starts `zonewright SERVICE FLAGS...` and waits for its log line with `"event":"ready"`. It ends with its owner. */
export const start = async (
  owner: Owner,
  service: 'primary' | 'secondary' | 'letsencrypt' | 'start' | (string & {}),
  flags: readonly string[],
  options: StartOptions = {},
): Promise<Service> => {
  const { timeout = 60_000, ...rest } = options;
  const args = [bin('zonewright'), service, ...flags];
  const program = await startProgram(owner, process.execPath, args, {
    cwd: root,
    ...rest,
    name: `zonewright ${service}`,
  });
  const ready = await program.waitForEvent('ready', {}, { timeout });
  // Not a spread: `exit` is a getter.
  return Object.defineProperty(program, 'ready', { value: ready, enumerable: true }) as Service;
};

/** Runs a tool to its end: `tool('zonewright', ['check', file])`, `tool('ozone', [file])`. */
export const tool = (name: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run(process.execPath, [bin(name), ...args], { cwd: root, ...options });
