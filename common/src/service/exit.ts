/**
 * Exit codes, and the one place that maps a fault to one of them.
 *
 * Always holds: a script can tell "wrong command line" (2) from "try again later" (3) from "the server said no" (4).
 */
import type { Fault } from '../result.ts';

/** Exit codes of every Zonewright process. `bug` is EX_SOFTWARE of sysexits(3): a thrown error, never an expected one. */
export const EXIT = {
  /** Done, or nothing to do. */
  done: 0,
  /** Ran, and found problems. */
  problems: 1,
  /** The command line or the environment is wrong. */
  usage: 2,
  /** A peer cannot be reached, or did not answer in time. */
  unreachable: 3,
  /** A peer answered, and refused. */
  refused: 4,
  bug: 70,
} as const;

/** One of the codes in {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const EXIT_OF_KIND: ReadonlyMap<string, ExitCode> = new Map<string, ExitCode>([
  ['usage', EXIT.usage],
  ['unreachable', EXIT.unreachable],
  ['timeout', EXIT.unreachable],
  ['refused', EXIT.refused],
  ['hostkey', EXIT.refused],
]);

/** The exit code of a process that ends because of `fault`: by its `kind`; {@link EXIT}.problems where no row says otherwise. */
export function exitCodeOf(fault: Fault): ExitCode {
  return EXIT_OF_KIND.get(fault.kind) ?? EXIT.problems;
}
