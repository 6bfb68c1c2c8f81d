/**
 * The tools of `zonewright` within the test's own process, with all that a command line does but for the start of node: for tests that
 * run many of them. What they print and their exit code are those of the program; standard input is not theirs.
 *
 * Left out: services, which end with their process. That `bin/zonewright` itself hands over words, output and exit code is for `tool`.
 */
import { COMMANDS } from '@zonewright/cli/main';
import { runProgram } from '@zonewright/common/service/program';
import { environment, type Ran } from './process.ts';

/** Runs `zonewright ARGS...` to its end. */
export const zonewright = async (...args: readonly string[]): Promise<Ran> => {
  const written = { stdout: '', stderr: '' };
  const code = await runProgram(COMMANDS, args, environment(), {
    out: (line) => {
      written.stdout += `${line}\n`;
    },
    err: (line) => {
      written.stderr += `${line}\n`;
    },
  });
  return { code, signal: null, ...written };
};
