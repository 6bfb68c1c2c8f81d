/**
 * How good the ways between the servers are: of each pair, in each direction, which faults are there, and what rule the wire gets of them.
 *
 * Several faults may be there at once; of each kind the worst counts.
 */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Owner } from '../support/owner.ts';
import { launch, signalGroup } from '../support/process.ts';

/** What a wire does with the packets of one way. */
export interface Rule {
  /** Probabilities, 0 to 1. */
  readonly loss: number;
  readonly twice: number;
  /** Milliseconds that each takes, at random: so they overtake each other. */
  readonly least: number;
  readonly most: number;
}

/** By way: `0>2` is from the first address to the third. */
export type Rules = Readonly<Record<string, Rule>>;

/** A way is from one number to another. */
export type Way = readonly [from: number, to: number];

export const CUT: Rule = { loss: 1, twice: 0, least: 0, most: 0 };

const worst = (one: Rule, other: Rule): Rule => ({
  loss: Math.max(one.loss, other.loss),
  twice: Math.max(one.twice, other.twice),
  least: Math.max(one.least, other.least),
  most: Math.max(one.most, other.most),
});

export class Weather {
  readonly #wire: ChildProcess;
  readonly #faults = new Set<{ readonly ways: readonly Way[]; readonly rule: Rule }>();

  private constructor(wire: ChildProcess) {
    this.#wire = wire;
  }

  /** Starts a wire between the addresses, in the namespace of this process: the interface of the n-th is `zwN`. */
  static async between(owner: Owner, addresses: readonly string[], seed: number): Promise<Weather> {
    const program = fileURLToPath(new URL('./wire.js', import.meta.url));
    const args = [program, `${seed}`, ...addresses];
    const wire = launch(process.execPath, args, {}, { stdio: ['pipe', 'pipe', 'inherit'] });
    wire.stdin!.on('error', () => undefined);
    owner.teardown(() => signalGroup(wire.pid, 'SIGKILL'));
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: wire.stdout! }).once('line', () => resolve());
      wire.once('exit', (code) => reject(new Error(`the wire has ended (${code})`)));
    });
    return new Weather(wire);
  }

  /** Is the wire there? */
  get isUp(): boolean {
    return this.#wire.exitCode === null && this.#wire.signalCode === null;
  }

  /** A fault on ways; gives what ends it. */
  begin(ways: readonly Way[], rule: Rule): () => void {
    const fault = { ways, rule };
    this.#faults.add(fault);
    this.#tell();
    return () => {
      this.#faults.delete(fault);
      this.#tell();
    };
  }

  #tell(): void {
    const rules: Record<string, Rule> = {};
    for (const { ways, rule } of this.#faults)
      for (const [from, to] of ways) {
        const way = `${from}>${to}`;
        rules[way] = worst(rules[way] ?? rule, rule);
      }
    this.#wire.stdin!.write(`${JSON.stringify(rules)}\n`);
  }
}
