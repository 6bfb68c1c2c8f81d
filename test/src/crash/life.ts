/**
 * A primary that lives many lives on the same data: each is ended by SIGKILL at a step (`killer.ts`), or from outside, or by SIGTERM where the
 * step was not come to in time.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Owner } from '../support/owner.ts';
import { type Program, startProgram } from '../support/process.ts';
import { root } from '../support/zonewright.ts';
import type { Ending } from './plan.ts';

const KILLER = new URL('./killer.js', import.meta.url).href;
/** Milliseconds until it has to be ready, or to have ended by SIGTERM: much, since machines that run this may be busy. */
const START = 120_000;
const STOP = 20_000;
/** Lines of a log that tell of those who look. */
const NOISE = /^.*"event":"transfer\.out".*\n/gm;
/** Lives of which the output is kept. */
const KEPT = 4;

export interface LifeOptions {
  readonly flags: readonly string[];
  /** For what is noted of a life. */
  readonly folder: string;
  readonly node?: readonly string[];
}

/** How a life ended. */
export interface Ended {
  /** At the step that was wanted? */
  readonly hasEnded: boolean;
  readonly reached: readonly string[];
}

export class Life {
  readonly #owner: Owner;
  readonly #options: LifeOptions;
  readonly #ends: (() => unknown)[] = [];
  readonly #texts: string[] = [];
  #program: Program | undefined;

  constructor(owner: Owner, options: LifeOptions) {
    this.#owner = owner;
    this.#options = options;
    owner.teardown(async () => {
      await this.#clear();
      if (owner.passed) return;
      for (const text of this.#texts) owner.log(text);
    });
  }

  /** Starts it; where `ending` is given, to be ended there. */
  async #start(ending?: Ending): Promise<Program> {
    await this.#clear();
    rmSync(this.#notes, { force: true });
    const { flags, node = [] } = this.#options;
    const env = {
      NODE_OPTIONS: `--import=${KILLER}`,
      CRASH_NOTES: this.#notes,
      CRASH_STEP: ending?.step ?? 'none',
      CRASH_COUNT: `${ending?.count ?? 1}`,
    };
    const args = [...node, join(root, 'bin/zonewright'), 'primary', ...flags];
    const own: Owner = {
      teardown: (end) => void this.#ends.push(end),
      passed: true,
      log: (...text) => this.#owner.log(...text),
    };
    this.#program = await startProgram(own, process.execPath, args, { cwd: root, env, name: 'primary' });
    return this.#program;
  }

  /** Lives until the ending, or for `patience` milliseconds from when it is ready. Throws where it ends in another way. */
  async live(ending: Ending | undefined, patience: number, isGentle: boolean): Promise<Ended> {
    const program = await this.#start(ending);
    const isReady = await readyOrEnded(program);
    if (isReady) await Promise.race([pause(patience), program.ended]);
    if (program.exit === undefined) {
      if (isGentle) await program.stop('SIGTERM', STOP);
      else await program.stop('SIGKILL');
    }
    const exit = await program.ended;
    const notes = this.#noted();
    const hasEnded = ending !== undefined && notes.has(`ended ${ending.step}`);
    const isExpected = exit.signal === 'SIGKILL' ? hasEnded || !isGentle : isGentle && exit.code === 0;
    if (!isExpected)
      throw new Error(`the primary ended by itself, or not when told: ${exit.code ?? exit.signal}\n${program.text()}`);
    return { hasEnded, reached: [...notes].flatMap((line) => (line.startsWith('reached ') ? [line.slice(8)] : [])) };
  }

  /** Lives until {@link stop}; resolves when it is ready. */
  async rise(): Promise<Program> {
    const program = await this.#start();
    await program.waitForEvent('ready', {}, { timeout: START });
    return program;
  }

  /** Ends it by SIGTERM; throws where that has not the exit code 0. */
  async stop(): Promise<void> {
    const exit = await this.#program!.stop('SIGTERM', STOP);
    if (exit.code !== 0)
      throw new Error(`the primary stopped with ${exit.code ?? exit.signal}\n${this.#program!.text()}`);
  }

  get #notes(): string {
    return join(this.#options.folder, 'notes');
  }

  #noted(): ReadonlySet<string> {
    return new Set(existsSync(this.#notes) ? readFileSync(this.#notes, 'utf8').split('\n') : []);
  }

  async #clear(): Promise<void> {
    for (const end of this.#ends.splice(0)) await end();
    if (this.#program === undefined) return;
    this.#texts.push(this.#program.text().replaceAll(NOISE, ''));
    if (this.#texts.length > KEPT) this.#texts.shift();
    this.#program = undefined;
  }
}

/** `false`: it has ended first. Throws where it is neither in time. */
async function readyOrEnded(program: Program): Promise<boolean> {
  try {
    await program.waitForEvent('ready', {}, { timeout: START });
    return true;
  } catch (error) {
    if (program.exit === undefined) throw error;
    return false;
  }
}
