/**
 * What is done with a new certificate: a command that has a service take it up.
 *
 * A file beside the certificate, `FILE.undeployed`, is there from before a new certificate is written until the command has
 * succeeded with it. So a command that fails, or a machine that stops meanwhile, is made up for in the next round.
 *
 * Always holds: no `ZONEWRIGHT_*` variable of this process reaches the command, since one of them may be a key.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exists, writeDurably } from '@zonewright/common/git/durable';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { CertificateRequest } from './obtain.ts';

/** Milliseconds that a command may take; then it is ended, with all it has started. */
const HOOK_TIMEOUT = 300_000;
/** Milliseconds between TERM and KILL. */
const HOOK_GRACE = 5000;

/** Takes a new certificate up. */
export type Deploy = (signal?: AbortSignal) => Promise<Result<void, Fault>>;

const markOf = (certificateFile: string): string => `${certificateFile}.undeployed`;

/** Notes that what stands in the file next is not taken up yet. */
export async function markUndeployed(certificateFile: string): Promise<Result<void, Fault>> {
  const mark = markOf(certificateFile);
  try {
    await writeDurably(mark, '', 0o600);
    return ok(undefined);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return fail({ kind: 'file', what: `cannot write ${mark}: ${code ?? 'unknown'}` });
  }
}

/** Whether a certificate is there that nobody has taken up. */
export const isUndeployed = (certificateFile: string): Promise<boolean> => exists(markOf(certificateFile));

/** Notes that the certificate was taken up. */
export const markDeployed = (certificateFile: string): Promise<void> => rm(markOf(certificateFile), { force: true });

/** A program by its path is run as it is, so that no shell is needed; everything else is for the shell. */
const PATH = /^\/[\w./+-]+$/;

/** The command of `--deploy-hook`. Its output goes to stderr. */
export function hookOf(command: string, wanted: CertificateRequest, timeout = HOOK_TIMEOUT): Deploy {
  return async (signal) => {
    if (signal?.aborted === true) return fail({ kind: 'hook', what: 'the deploy hook was not run: told to stop' });
    const child = spawn(command, {
      shell: !PATH.test(command),
      stdio: ['ignore', 2, 2],
      env: environmentFor(wanted),
      // Its own process group, to be ended as a whole.
      detached: true,
    });
    return endOf(child, timeout, signal);
  };
}

function environmentFor({ hostname, hosts, certificateFile, keyFile }: CertificateRequest): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('ZONEWRIGHT_'));
  return {
    ...Object.fromEntries(inherited),
    CERTIFY_HOSTNAME: hostname,
    CERTIFY_HOSTS: hosts.join(' '),
    CERTIFY_CERTIFICATE: resolve(certificateFile),
    CERTIFY_KEY: resolve(keyFile),
  };
}

function endOf(child: ChildProcess, timeout: number, signal: AbortSignal | undefined): Promise<Result<void, Fault>> {
  return new Promise((done) => {
    let why = '';
    let kill: NodeJS.Timeout | undefined;
    const end = (reason: string): void => {
      why = reason;
      signalGroup(child, 'SIGTERM');
      kill = setTimeout(() => signalGroup(child, 'SIGKILL'), HOOK_GRACE);
    };
    const limit = setTimeout(() => end(` (it took more than ${timeout / 1000} s)`), timeout);
    const stop = (): void => end(' (told to stop)');
    signal?.addEventListener('abort', stop);
    const settle = (result: Result<void, Fault>): void => {
      clearTimeout(limit);
      clearTimeout(kill);
      signal?.removeEventListener('abort', stop);
      done(result);
    };
    child.once('error', (error: NodeJS.ErrnoException) =>
      settle(fail({ kind: 'hook', what: `the deploy hook cannot be run: ${error.code ?? 'unknown'}` })),
    );
    child.once('exit', (code, by) => {
      // The shell may end before what it has started.
      if (why !== '') signalGroup(child, 'SIGKILL');
      const how = code === null ? `was ended by ${by}` : `ended with ${code}`;
      settle(code === 0 && why === '' ? ok(undefined) : fail({ kind: 'hook', what: `the deploy hook ${how}${why}` }));
    });
  });
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}
