/**
 * What git tells its hooks of a push: a line `OLD NEW REF` on standard input for each reference (githooks(5), "pre-receive"), and
 * options in the environment (git-push(1), `--push-option`).
 *
 * Lines are passed over as octets: a push may have a million of them, of which one matters here.
 */
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';

/** A branch that is to move, or has. */
export interface BranchMove {
  /** Object names of commits; `undefined`: there was no such branch, or there will be none. */
  readonly old: string | undefined;
  readonly next: string | undefined;
}

/** The longest line, in octets: two names of 64 digits, and a path. */
const MAX_LINE = 8192;
const LINE = /^([0-9a-f]+) ([0-9a-f]+) (.+)$/s;
const NONE = '0'.repeat(40);
const SPACE = 0x20;

/** The moves of a branch, as a rule one or none. */
export async function readMoves(
  input: AsyncIterable<Uint8Array>,
  branch: string,
): Promise<Result<readonly BranchMove[], Fault>> {
  const wanted = Buffer.from(` refs/heads/${branch}`);
  const moves: BranchMove[] = [];
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of input) {
    const octets = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = octets.indexOf(0x0a); end >= 0; end = octets.indexOf(0x0a, at)) {
      const fault = takeLine(octets.subarray(at, end), wanted, moves);
      if (fault !== undefined) return fail(fault);
      at = end + 1;
    }
    rest = octets.subarray(at);
    if (rest.length > MAX_LINE) return fail(NO_LINE);
  }
  const fault = takeLine(rest, wanted, moves);
  return fault === undefined ? ok(moves) : fail(fault);
}

const NO_LINE: Fault = {
  kind: 'usage',
  what: 'standard input holds no lines OLD NEW REF',
  hint: 'git runs this: put it into hooks/pre-receive or hooks/post-receive of the repository',
};

/** Adds the move of a line, if it is one of the branch. Empty lines do no harm: scripts that pass the lines on make them. */
function takeLine(line: Buffer, wanted: Buffer, moves: BranchMove[]): Fault | undefined {
  if (line.length === 0) return undefined;
  const isWanted = line.length > wanted.length && line.subarray(-wanted.length).equals(wanted);
  if (!isWanted && line[NONE.length] === SPACE && line[2 * NONE.length + 1] === SPACE) return undefined;
  const [, old, next] = LINE.exec(line.toString('latin1', 0, Math.min(line.length, MAX_LINE))) ?? [];
  if (old === undefined || next === undefined || old.length !== next.length) return NO_LINE;
  if (!isWanted) return undefined;
  if (old.length === 64)
    return { kind: 'usage', what: 'the repository uses SHA-256 object names, which are not supported' };
  if (old.length !== NONE.length) return NO_LINE;
  moves.push({ old: old === NONE ? undefined : old, next: next === NONE ? undefined : next });
  return undefined;
}

/** What the pusher has said with `git push -o TEXT`. */
export function pushOptions(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const count = Number(env.GIT_PUSH_OPTION_COUNT ?? 0);
  const options: string[] = [];
  for (let i = 0; i < count; i++) {
    const option = env[`GIT_PUSH_OPTION_${i}`];
    if (option === undefined) break;
    options.push(option);
  }
  return options;
}
