/**
 * Programs that tests run: to their end (`run`), or as services beside the test (`startProgram`).
 *
 * A service ends with its owner, together with everything in its process group. Should the test's own process
 * die first, the kernel ends it (`setpriv --pdeathsig`, where the machine has it). Its output is shown where its owner
 * failed. `ZONEWRIGHT_*` variables of the caller are never passed on, so that no test depends on them.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { program } from './needs.ts';
import type { Owner } from './owner.ts';

/** A place other than the test's own to run programs in, such as a network namespace. */
export interface Place {
  /** The command that runs `command` in the place. */
  enter(command: string, args: readonly string[]): readonly [command: string, args: readonly string[]];
}

export interface ProgramOptions {
  /** The working folder. */
  readonly cwd?: string;
  /** Added to the test's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly within?: Place;
}

export interface Exit {
  /** The exit code, or `null` where a signal ended the program. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Line {
  readonly from: 'stdout' | 'stderr';
  readonly text: string;
}

/** One JSON log line. */
export type LogEvent = Readonly<Record<string, unknown>>;

export interface WaitOptions {
  /** Milliseconds; a minute unless given: a machine may be busy with much else. */
  readonly timeout?: number;
  /** Looks only at lines from this one on: the value `lines.length` had before what should cause the line. */
  readonly from?: number;
}

/** A program that runs beside the test. */
export interface Program {
  readonly name: string;
  readonly pid: number;
  /** All lines so far, of both streams, in the order they came. */
  readonly lines: readonly Line[];
  /** How it ended, or `undefined` while it runs. */
  readonly exit: Exit | undefined;
  /** Resolves when it has ended and all its output is in `lines`. */
  readonly ended: Promise<Exit>;
  /** All lines so far as one text. */
  text(): string;
  /** The first line that contains, matches or fulfils `match`. Throws on time-out, or when the program ends without it. */
  waitForLine(match: string | RegExp | ((text: string) => boolean), options?: WaitOptions): Promise<string>;
  /** The first JSON log line with this `event` and these `fields`. Throws as `waitForLine` does. */
  waitForEvent(event: string, fields?: LogEvent, options?: WaitOptions): Promise<LogEvent>;
  /** Sends a signal; nothing happens where it has ended. */
  signal(signal: NodeJS.Signals): void;
  /** Sends `signal` (TERM), waits until it has ended (a minute unless given, then KILL), and says how it ended. */
  stop(signal?: NodeJS.Signals, timeout?: number): Promise<Exit>;
}

/** The environment in which programs run: that of the test without the options of services. */
export const environment = (added: ProgramOptions['env'] = {}): NodeJS.ProcessEnv => {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('ZONEWRIGHT_'));
  return Object.fromEntries([...own, ...Object.entries(added)].filter(([, value]) => value !== undefined));
};

/** Spawns a program in its place and its own process group, tied to the life of this process. */
export const launch = (
  command: string,
  args: readonly string[],
  options: ProgramOptions,
  more: SpawnOptions,
): ChildProcess => {
  const path = command.includes('/') ? command : (program(command) ?? command);
  const [entered, enteredArgs] = options.within?.enter(path, args) ?? [path, args];
  const tie = program('setpriv');
  const [file, fileArgs] =
    tie === undefined ? [entered, enteredArgs] : [tie, ['--pdeathsig', 'KILL', '--', entered, ...enteredArgs]];
  return spawn(file, fileArgs, {
    ...more,
    detached: true,
    env: environment(options.env),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
};

/** Signals the process group of a program that `launch` has started; nothing happens where it is gone. */
export const signalGroup = (pid: number | undefined, signal: NodeJS.Signals): void => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
};

const running = new Set<number>();
process.on('exit', () => {
  for (const pid of running) signalGroup(pid, 'SIGKILL');
});

/** Resolves when the program has ended and its output is read; what it leaves behind in its group is killed then. */
const endOf = (child: ChildProcess): Promise<Exit> =>
  new Promise((resolve, reject) => {
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      signalGroup(pid, 'SIGKILL');
      if (pid !== undefined) running.delete(pid);
      child.once('close', () => resolve({ code, signal }));
    });
  });

const asEvent = (text: string): LogEvent | undefined => {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as LogEvent;
  } catch {
    return undefined;
  }
};

const shownLines = 60;

/** Starts a program that ends with `owner` at the latest. Throws where it cannot be started at all. */
export const startProgram = async (
  owner: Owner,
  command: string,
  args: readonly string[],
  options: ProgramOptions & { readonly name?: string } = {},
): Promise<Program> => {
  const name = options.name ?? command.slice(command.lastIndexOf('/') + 1);
  const child = launch(command, args, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: Line[] = [];
  const watchers = new Set<() => void>();
  const wake = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  for (const from of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[from]! }).on('line', (text) => {
      lines.push({ from, text });
      wake();
    });
  }
  let exit: Exit | undefined;
  const ended = endOf(child).then((how) => {
    exit = how;
    wake();
    return how;
  });
  ended.catch(() => undefined);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });

  const tail = (): string => {
    const shown = lines.slice(-shownLines).map(({ text }) => `  ${text}`);
    return `output of ${name}${lines.length > shownLines ? `, last ${shownLines} lines` : ''}:\n${shown.join('\n')}`;
  };

  const waitFor = <T>(find: (text: string) => T | undefined, what: string, wait: WaitOptions = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      const { timeout = 60_000, from = 0 } = wait;
      let next = from;
      const done = (): void => {
        clearTimeout(timer);
        watchers.delete(look);
      };
      const giveUp = (why: string): void => {
        done();
        reject(new Error(`${name} ${why} without ${what}; ${tail()}`));
      };
      const look = (): void => {
        for (; next < lines.length; next++) {
          const found = find(lines[next]!.text);
          if (found === undefined) continue;
          done();
          resolve(found);
          return;
        }
        if (exit !== undefined) giveUp(`ended (${exit.code ?? exit.signal})`);
      };
      const timer = setTimeout(() => giveUp(`ran ${timeout / 1_000} s`), timeout);
      watchers.add(look);
      look();
    });

  const stop = async (signal: NodeJS.Signals = 'SIGTERM', timeout = 60_000): Promise<Exit> => {
    if (exit !== undefined) return exit;
    const timer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), timeout);
    child.kill(signal);
    const how = await ended;
    clearTimeout(timer);
    return how;
  };

  owner.teardown(async () => {
    await stop('SIGTERM', 2_000);
    if (!owner.passed) owner.log(tail());
  });

  return {
    name,
    pid: child.pid!,
    lines,
    get exit() {
      return exit;
    },
    ended,
    text: () => lines.map(({ text }) => `${text}\n`).join(''),
    waitForLine: (match, wait) => {
      const fits =
        typeof match === 'function'
          ? match
          : typeof match === 'string'
            ? (text: string) => text.includes(match)
            : (text: string) => text.search(match) >= 0;
      const what = typeof match === 'function' ? 'the line waited for' : `a line with ${match}`;
      return waitFor((text) => (fits(text) ? text : undefined), what, wait);
    },
    waitForEvent: (event, fields = {}, wait) => {
      const wanted = Object.entries({ ...fields, event });
      const find = (text: string): LogEvent | undefined => {
        const seen = asEvent(text);
        return seen !== undefined && wanted.every(([key, value]) => seen[key] === value) ? seen : undefined;
      };
      return waitFor(find, `the event ${JSON.stringify(Object.fromEntries(wanted))}`, wait);
    },
    signal: (signal) => void (exit === undefined && child.kill(signal)),
    stop,
  };
};

export interface RunOptions extends ProgramOptions {
  /** What the program reads on its standard input; nothing unless given. */
  readonly input?: string | Uint8Array;
  /** Milliseconds after which the program is killed; two minutes unless given. */
  readonly timeout?: number;
}

export interface Ran extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Any exit code is a value; throws only where the program cannot be started. */
export const run = async (command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> => {
  const child = launch(command, args, options, { stdio: 'pipe' });
  const collect = (from: 'stdout' | 'stderr'): (() => string) => {
    const chunks: Buffer[] = [];
    child[from]?.on('data', (chunk: Buffer) => chunks.push(chunk));
    return () => Buffer.concat(chunks).toString();
  };
  const stdout = collect('stdout');
  const stderr = collect('stderr');
  const timer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), options.timeout ?? 120_000);
  // A program that ends without reading its input is not a fault of the test.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input ?? '');
  try {
    const exit = await endOf(child);
    return { ...exit, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
  }
};
