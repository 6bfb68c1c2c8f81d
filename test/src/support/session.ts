/**
 * Runs the steps of a Markdown text, one after the other, in one persistent bash.
 *
 * `cd`, variables and `eval` of one step are there in the next. A step in the background (its command ends with ` &`, or
 * `runInBackground` says so) is a service: its output has to fit, as far as the text shows it, before the next step runs,
 * and it is ended with the session. Everything runs in one process group and is gone when `runSteps` returns.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { launch, type ProgramOptions, signalGroup } from './process.ts';
import { fits, type Step } from './steps.ts';

export interface SessionOptions extends ProgramOptions {
  readonly cwd: string;
  /** Commands that are services though they do not end with ` &`: those a reader starts in another terminal. */
  readonly runInBackground?: (command: string) => boolean;
  /** Changes commands and promised output before they are used, such as a port that a test cannot have. */
  readonly rewrite?: (text: string) => string;
  /** Milliseconds that one command may take, and that output may take to fit; two minutes unless given. */
  readonly timeout?: number;
}

/** What a step was found to do. */
export interface StepResult {
  readonly step: Step;
  readonly command: string;
  readonly output: string;
  /** The exit status; `undefined` in the background. */
  readonly status: number | undefined;
}

const interval = 50;

const indented = (lines: readonly string[]): string =>
  lines.length === 0 ? '    (nothing)' : lines.map((line) => `    ${line}`).join('\n');

const linesOf = (output: string): string[] => (output === '' ? [] : output.replace(/\n$/, '').split('\n'));

/** A bash that takes commands until it is ended. */
class Bash {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #closed: Promise<void>;
  #count = 0;
  #status: ((status: number | undefined) => void) | undefined;

  constructor(options: SessionOptions) {
    this.#folder = mkdtempSync(join(tmpdir(), 'zonewright-steps-'));
    this.#child = launch('bash', ['--norc', '--noprofile'], options, { stdio: ['pipe', 'ignore', 'ignore', 'pipe'] });
    // Everything the session starts inherits descriptor 3: it closes when the last of them is gone.
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
    const report = this.#child.stdio[3] as NodeJS.ReadableStream;
    createInterface({ input: report }).on('line', (line) => this.#status?.(Number(line)));
    this.#child.once('exit', () => this.#status?.(undefined));
    this.#child.stdin?.on('error', () => undefined);
  }

  /** Runs a command. `status` resolves with its exit status, or `undefined` where it ended the shell. */
  run(command: string): { readonly status: Promise<number | undefined>; output(): string } {
    const base = join(this.#folder, `${++this.#count}`);
    writeFileSync(base, `${command}\n`);
    writeFileSync(`${base}.out`, '');
    const status = new Promise<number | undefined>((resolve) => {
      this.#status = resolve;
      if (this.#child.exitCode !== null) resolve(undefined);
    });
    this.#child.stdin?.write(`. '${base}' </dev/null >'${base}.out' 2>&1; echo $? >&3\n`);
    return { status, output: () => readFileSync(`${base}.out`, 'utf8') };
  }

  /** Ends the shell and all that it has started: TERM, and after 5 seconds KILL. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    signalGroup(this.#child.pid, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(this.#child.pid, 'SIGKILL'), 5_000);
    await this.#closed;
    clearTimeout(timer);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const runStep = async (bash: Bash, step: Step, options: SessionOptions): Promise<StepResult> => {
  const { timeout = 120_000, rewrite = (text: string) => text, runInBackground = () => false } = options;
  const command = rewrite(step.command);
  const expected = step.expected.map(rewrite);
  const end = performance.now() + timeout;
  const failure = (why: string, output: string): Error =>
    new Error(
      `line ${step.line}: ${why}\n  command:\n${indented(command.split('\n'))}\n` +
        `  expected:\n${indented(expected)}\n  got:\n${indented(linesOf(output))}`,
    );
  const inTime = async (ran: ReturnType<Bash['run']>): Promise<number | undefined> => {
    const stopped = new AbortController();
    const late = pause(Math.max(0, end - performance.now()), 'late' as const, { signal: stopped.signal });
    late.catch(() => undefined);
    const status = await Promise.race([ran.status, late]);
    stopped.abort();
    if (status === 'late') throw failure(`the command has not ended within ${timeout / 1_000} s`, ran.output());
    if (status === undefined) throw failure('the command has ended the shell', ran.output());
    return status;
  };

  if (command.trimEnd().endsWith(' &') || runInBackground(step.command)) {
    const service = bash.run(command.trimEnd().endsWith(' &') ? command : `${command} &`);
    await inTime(service);
    while (!fits(expected, linesOf(service.output()), true)) {
      if (performance.now() >= end)
        throw failure(`the output does not fit after ${timeout / 1_000} s`, service.output());
      await pause(interval);
    }
    return { step, command, output: service.output(), status: undefined };
  }
  for (;;) {
    const ran = bash.run(command);
    const status = await inTime(ran);
    const output = ran.output();
    const hasFailed = status !== 0 && expected.join('').trim() === '';
    if (!hasFailed && fits(expected, linesOf(output))) return { step, command, output, status };
    if (!step.untilFits)
      throw failure(hasFailed ? `the command failed (${status})` : 'the output does not fit', output);
    if (performance.now() >= end) throw failure(`the output does not fit after ${timeout / 1_000} s`, output);
    await pause(interval);
  }
};

/**
 * Runs `steps` in order and returns what they did. Throws at the first one that does not do what the text promises, with
 * command, expected and got. A command without promised output has to say nothing and exit with 0; with promised output,
 * only the output counts.
 */
export const runSteps = async (steps: readonly Step[], options: SessionOptions): Promise<readonly StepResult[]> => {
  const bash = new Bash(options);
  const results: StepResult[] = [];
  try {
    for (const step of steps) results.push(await runStep(bash, step, options));
    return results;
  } finally {
    await bash.end();
  }
};
