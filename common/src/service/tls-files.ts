/**
 * Files of certificates and keys, read again when they change and when told to: whoever renews a certificate does not stop a server.
 *
 * They are looked at rather than watched: renewal puts other files, or links to them, in their place.
 * Always holds: what cannot be used takes the place of nothing, and is told once; no octet of a key is told.
 */
import { readFile, stat } from 'node:fs/promises';
import { codeOf, systemText } from '../net/fault.ts';
import type { TlsFault } from '../net/tls-gate.ts';
import { fail, ok, type Result } from '../result.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Log } from './log.ts';

/** Milliseconds between two looks at the files. */
const LOOK_INTERVAL = 10_000;

/** What a set of files holds, by the words that its user has for them. */
export type Contents<Word extends string> = Readonly<Partial<Record<Word, Buffer>>>;

export interface TlsFilesOptions<Word extends string> {
  /** Paths; a word that has none is left out. */
  readonly paths: Readonly<Partial<Record<Word, string>>>;
  /** What they are called by whoever gave them: options. */
  readonly options: Readonly<Record<Word, string>>;
  /** Takes what they hold, at first and whenever it has changed; a fault leaves in force what was. */
  use(contents: Contents<Word>): Result<void, TlsFault>;
  readonly log: Log;
  readonly clock?: Clock;
}

export class TlsFiles<Word extends string> {
  readonly #options: TlsFilesOptions<Word>;
  readonly #clock: Clock;
  readonly #paths: readonly (readonly [Word, string])[];
  /** What the files looked like when they were used last; nothing has been, even of no files, before that. */
  #look: string | undefined;
  #fault: string | undefined;
  #ending: (() => void) | undefined;
  #isClosed = false;

  private constructor(options: TlsFilesOptions<Word>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#paths = Object.entries(options.paths).filter(([, path]) => path !== undefined) as [Word, string][];
  }

  /** Reads the files, and looks at them from then on. */
  static async open<Word extends string>(options: TlsFilesOptions<Word>): Promise<Result<TlsFiles<Word>, TlsFault>> {
    const files = new TlsFiles(options);
    const used = await files.#read();
    if (!used.ok) return used;
    files.#wait();
    return ok(files);
  }

  /** Reads them again, where they have changed. */
  async renew(): Promise<void> {
    const { log } = this.#options;
    const before = this.#look;
    const used = await this.#read();
    const files = this.#paths.map(([, path]) => path).join(' ');
    if (!used.ok) {
      if (this.#fault !== used.fault.what) log.error('tls.failed', { files }, used.fault.what);
      this.#fault = used.fault.what;
      return;
    }
    this.#fault = undefined;
    if (this.#look !== before) log.info('tls.renewed', { files });
  }

  close(): void {
    this.#isClosed = true;
    this.#ending?.();
  }

  #wait(): void {
    if (this.#isClosed) return;
    this.#ending = this.#clock.after(LOOK_INTERVAL, () => void this.renew().finally(() => this.#wait()));
  }

  async #read(): Promise<Result<void, TlsFault>> {
    try {
      const looks = await Promise.all(this.#paths.map(([, path]) => lookOf(path)));
      const look = looks.join(' ');
      if (look === this.#look) return ok(undefined);
      const read = this.#paths.map(async ([word, path]) => [word, await readFile(path)] as const);
      const used = this.#options.use(Object.fromEntries(await Promise.all(read)) as Contents<Word>);
      // What could not be used is read again: its other half may be on its way.
      if (used.ok) this.#look = look;
      return used;
    } catch (error) {
      const path = error instanceof Error && 'path' in error ? String(error.path) : 'a file';
      const [word] = this.#paths.find(([, its]) => its === path) ?? [];
      const file = word === undefined ? path : `${path} of ${this.#options.options[word]}`;
      return fail({ kind: 'tls', what: `cannot read ${file}: ${systemText(codeOf(error))}` });
    }
  }
}

/** Another file, or another content: a link is followed. */
async function lookOf(path: string): Promise<string> {
  const { ino, dev, size, mtimeMs, ctimeMs } = await stat(path);
  return [dev, ino, size, mtimeMs, ctimeMs].join(':');
}
