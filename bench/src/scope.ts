/**
 * Who owns what the bench has started: servers, clients and folders end with their scope, the last started first, also when the
 * bench is interrupted.
 */
import type { Owner } from '@zonewright/test/support/owner';

export class Scope implements Owner {
  static readonly #open = new Set<Scope>();
  /** From then on nothing that fails is worth a word: what it needed has been taken away. */
  static #isInterrupted = false;
  readonly #ends: (() => unknown)[] = [];
  #hasFailed = false;

  static get isInterrupted(): boolean {
    return Scope.#isInterrupted;
  }

  /** Does `work` with a scope of its own, and ends that whatever comes of it. */
  static async within<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
    const scope = new Scope();
    Scope.#open.add(scope);
    try {
      return await work(scope);
    } catch (error) {
      scope.#hasFailed = true;
      throw error;
    } finally {
      await scope.#end();
    }
  }

  /** Ends all scopes that are open, the innermost first. */
  static async endAll(): Promise<void> {
    Scope.#isInterrupted = true;
    for (const scope of [...Scope.#open].reverse()) await scope.#end();
  }

  get passed(): boolean {
    return Scope.#isInterrupted || !this.#hasFailed;
  }

  teardown(end: () => unknown): void {
    this.#ends.push(end);
  }

  log(...text: string[]): void {
    process.stderr.write(`${text.join(' ')}\n`);
  }

  async #end(): Promise<void> {
    Scope.#open.delete(this);
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await end();
  }
}
