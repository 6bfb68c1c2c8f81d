/**
 * What can go wrong with a repository, as a closed union, and the one exception of this folder.
 *
 * Streams and libraries only know exceptions, so inside this folder a fault may travel as a `Failure`; `settle` at the border
 * turns it into a value. Text that a remote sent is cleaned before it enters a fault, and no fault holds a credential.
 */
import { fail, ok, type Result } from '../result.ts';

export interface GitFault {
  readonly kind:
    | 'usage' // the remote, key or pin as given cannot work
    | 'unreachable' // no connection, or it ended before anything was changed: try again
    | 'timeout' // the peer was silent for too long: try again
    | 'refused' // authentication, permission, or no such repository
    | 'hostkey' // the server shows another key than the pinned one
    | 'moved' // the branch is not where the caller believes: fetch, redo, push again
    | 'rejected' // the remote looked at the commit and declined it (hook, policy)
    | 'unknown' // the connection was lost mid push: fetch and look
    | 'damaged' // an object of a repository that has no other copy is damaged or missing
    | 'gone' // the commit that was asked for is not here any more
    | 'corrupt' // objects are damaged, or the peer does not speak git
    | 'limit'; // larger than this program accepts
  readonly what: string;
  readonly hint?: string;
}

export type GitFaultKind = GitFault['kind'];

/** A `GitFault` on its way through code that only knows exceptions. Never leaves this folder. */
export class Failure extends Error {
  readonly fault: GitFault;

  constructor(kind: GitFaultKind, what: string, hint?: string) {
    super(what);
    this.name = 'Failure';
    this.fault = hint === undefined ? { kind, what } : { kind, what, hint };
  }
}

/** The longest text of a remote that is repeated in a fault, in characters. */
const LONGEST_QUOTE = 400;

/** Text that a peer sent, fit for a log line: one line, no control characters, at most 400 characters. */
export function quoteRemote(text: string): string {
  const line = text
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  return line.length > LONGEST_QUOTE ? `${line.slice(0, LONGEST_QUOTE)}...` : line;
}

/** The code of a system error (`ECONNREFUSED`, `ENOENT`), if it is one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const SYSTEM_TEXT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection lost',
  EPIPE: 'connection lost',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name cannot be resolved now',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'timed out',
};

const SYSTEM_HINT: Readonly<Record<string, string>> = {
  ENOTFOUND: 'is the name in --remote right?',
  ECONNREFUSED: 'is the port in --remote right, and does the server run?',
};

/** A network error as a `Failure` of kind `unreachable`: `cannot reach HOST port PORT: connection refused`. */
export function unreachable(peer: string, error: unknown): Failure {
  const code = systemCode(error);
  const text = code === undefined ? (error instanceof Error ? quoteRemote(error.message) : 'failed') : code;
  return new Failure('unreachable', `cannot reach ${peer}: ${SYSTEM_TEXT[text] ?? text}`, SYSTEM_HINT[text]);
}

const DISK_CODES: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EROFS',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
]);

/** Any exception as a fault; `undefined` for what is a bug and has to go on being thrown. */
function faultOf(error: unknown): GitFault | undefined {
  if (error instanceof Failure) return error.fault;
  const code = systemCode(error);
  if (code === 'EACCES' || code === 'EPERM')
    return { kind: 'refused', what: `no permission on the repository (${said(error)})` };
  if (code !== undefined && DISK_CODES.has(code))
    return { kind: 'unreachable', what: `the disk failed (${said(error)})` };
  if (code !== undefined && /^E[A-Z]+$/.test(code))
    return { kind: 'corrupt', what: `the repository cannot be used (${said(error)})` };
  return undefined;
}

/** `EACCES: open /srv/zones.git/HEAD`, as far as that is known. */
function said(error: unknown): string {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  return path === undefined ? `${code}` : `${code}: ${syscall} ${quoteRemote(path)}`;
}

/** Runs `work` and turns a `Failure` or a system error into a value. Bugs are thrown on. */
export async function settle<T>(work: () => Promise<T>): Promise<Result<T, GitFault>> {
  try {
    return ok(await work());
  } catch (error) {
    return faultOrThrow(error);
  }
}

/** As `settle`, of work that waits for nothing but the disk. */
export function settleNow<T>(work: () => T): Result<T, GitFault> {
  try {
    return ok(work());
  } catch (error) {
    return faultOrThrow(error);
  }
}

function faultOrThrow(error: unknown): Result<never, GitFault> {
  const fault = faultOf(error);
  if (fault === undefined) throw error;
  return fail(fault);
}
