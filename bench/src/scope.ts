/**
 * Who owns what the bench has started: servers, clients and folders end with their scope, the last started first, also when the
 * bench is interrupted.
 */
import type { Owner } from '@zonewright/test/support/owner';
import { timeline } from './timeline.ts';

export class Scope implements Owner {
  static readonly #open = new Set<Scope>();
  /** From then on nothing that fails is worth a word: what it needed has been taken away. */
  static #isInterrupted = false;
  readonly #ends: (() => unknown)[] = [];
  readonly #outer: Scope | undefined;
  #hasFailed = false;

  constructor(outer?: Scope) {
    this.#outer = outer;
    Scope.#open.add(this);
  }

  static get isInterrupted(): boolean {
    return Scope.#isInterrupted;
  }

  /** Does `work` with a scope of its own, and ends that whatever comes of it. */
  static async within<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
    const scope = new Scope();
    try {
      return await work(scope);
    } catch (error) {
      scope.#hasFailed = true;
      throw error;
    } finally {
      await scope.end();
    }
  }

  /** Ends all scopes that are open, the innermost first. */
  static async endAll(): Promise<void> {
    Scope.#isInterrupted = true;
    for (const scope of [...Scope.#open].reverse()) await scope.end();
  }

  get passed(): boolean {
    return Scope.#isInterrupted || (!this.#hasFailed && (this.#outer?.passed ?? true));
  }

  /** One that ends before this one, and with it at the latest. */
  inner(): Scope {
    const inner = new Scope(this);
    this.teardown(() => inner.end());
    return inner;
  }

  teardown(end: () => unknown): void {
    this.#ends.push(end);
  }

  log(...text: string[]): void {
    process.stderr.write(`${text.join(' ')}\n`);
  }

  /** Ends what it owns; a second time, nothing. */
  end(): Promise<void> {
    return timeline.during('ends', async () => {
      Scope.#open.delete(this);
      for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await end();
    });
  }
}
