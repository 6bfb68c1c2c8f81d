/**
 * One who works by hand: with native git in a clone, on lines of their own. What was pushed is looked for at the end.
 *
 * Always holds: a push that was refused is made again on what is there then; what was pushed has the effect that `settled` says.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { notifyMessage } from '@zonewright/common/authority/notify';
import { exchange } from '@zonewright/common/net/exchange';
import { git } from '../support/git-peers.ts';
import type { Stage } from './stage.ts';
import { BROKEN, type CrashZone, handValue, VISITOR, VISITOR_TEXT, withHandValue, withSerialIn } from './world.ts';

/** Pushes of one change that may be refused, and milliseconds between two, at most. */
const MAX_TRIES = 400;
const AGAIN = 150;
/** Milliseconds that a zone stays broken, at most. */
const BROKEN_FOR = 600;
/** How far behind a branch may begin that is merged. */
const BEHIND = 4;

/** Makes a commit, or several, in the clone. */
type Work = () => Promise<void>;

export class Hands {
  readonly number: number;
  /** What was pushed, and has to be among the ancestors of the head. */
  readonly commits: string[] = [];
  readonly #stage: Stage;
  readonly #clone: string;
  readonly #settled = new Map<string, number>();

  private constructor(stage: Stage, number: number, clone: string) {
    this.#stage = stage;
    this.number = number;
    this.#clone = clone;
  }

  static async at(stage: Stage, number: number): Promise<Hands> {
    const { folder, path } = stage.repository;
    const clone = join(folder, `hands${number}`);
    await git(folder, 'clone', '--quiet', path, clone);
    await git(clone, 'config', 'user.name', `hands ${number}`);
    await git(clone, 'config', 'user.email', `hands${number}@example.org`);
    return new Hands(stage, number, clone);
  }

  /** Works until it is over; `leisure`: milliseconds between two commits, at most. */
  async work(leisure: number): Promise<void> {
    const { chance } = this.#stage;
    while (this.#stage.take('commit')) {
      const zone = this.#stage.zones[chance(this.#stage.zones.length)]!;
      await this.#works[chance(this.#works.length)]!(zone);
      this.#stage.count('commits by hand');
      await pause(chance(leisure));
    }
  }

  /** What is wrong with a file at the end. */
  faultsIn({ fileName }: CrashZone, text: string): readonly string[] {
    return (['note', 'record'] as const).flatMap((kind) => {
      const wanted = this.#settled.get(`${kind} ${fileName}`) ?? 0;
      const found = handValue(text, kind, this.number);
      return found === wanted ? [] : [`${kind} ${this.number} of ${fileName} is ${found}, and was pushed as ${wanted}`];
    });
  }

  readonly #works: readonly ((zone: CrashZone) => Promise<void>)[] = [
    (zone) => this.#change(zone, 'note'),
    (zone) => this.#change(zone, 'record'),
    (zone) => this.#change(zone, 'record', (serial) => serial + 1 + this.#stage.chance(3)),
    (zone) => this.#change(zone, 'record', (serial) => Math.max(1, serial - this.#stage.chance(3))),
    (zone) => this.#merge(zone),
    async (zone) => (this.number === 0 ? this.#break(zone) : this.#change(zone, 'note')),
    async (zone) => (this.number === 1 ? this.#visit() : this.#change(zone, 'record')),
  ];

  async #change(zone: CrashZone, kind: 'note' | 'record', serial?: (old: number) => number): Promise<void> {
    const value = this.#next(kind, zone);
    await this.#push(zone, async () => {
      this.#edit(zone, (text) => {
        const changed = withHandValue(text, kind, this.number, value);
        return serial === undefined ? changed : withSerialIn(changed, serial);
      });
      await this.#commit(`${kind} ${value} of ${zone.fileName}`);
    });
    this.#settle(kind, zone, value);
  }

  /** A note on a branch that begins some commits before, merged. */
  async #merge(zone: CrashZone): Promise<void> {
    const value = this.#next('note', zone);
    await this.#push(zone, async () => {
      await git(this.#clone, 'checkout', '--quiet', '--detach', `HEAD~${this.#stage.chance(BEHIND)}`).catch(
        () => undefined,
      );
      // What is there may be older than a note that was pushed: then the two would not go together.
      if (!this.#isUpToDate(zone)) await git(this.#clone, 'checkout', '--quiet', '--detach', 'origin/main');
      this.#edit(zone, (text) => withHandValue(text, 'note', this.number, value));
      await this.#commit(`note ${value} of ${zone.fileName}, beside`);
      const side = await git(this.#clone, 'rev-parse', 'HEAD');
      await git(this.#clone, 'checkout', '--quiet', '--detach', 'origin/main');
      await git(this.#clone, 'merge', '--quiet', '--no-ff', '-m', `merge of note ${value}`, side);
    });
    this.#settle('note', zone, value);
  }

  /** Breaks a zone, and mends it after a while. */
  async #break(zone: CrashZone): Promise<void> {
    await this.#push(zone, async () => {
      this.#edit(zone, (text) => `${text}${BROKEN}\n`);
      await this.#commit(`break ${zone.fileName}`);
    });
    await pause(this.#stage.chance(BROKEN_FOR));
    await this.#push(zone, async () => {
      this.#edit(zone, (text) => text.replace(`${BROKEN}\n`, ''));
      await this.#commit(`mend ${zone.fileName}`);
    });
  }

  /** A zone that comes, or goes; and a file that is no zone. */
  async #visit(): Promise<void> {
    await this.#push(undefined, async () => {
      const file = join(this.#clone, VISITOR);
      const isThere = existsSync(file);
      if (isThere) rmSync(file);
      else writeFileSync(file, VISITOR_TEXT);
      writeFileSync(join(this.#clone, 'README.md'), isThere ? 'nobody\n' : 'somebody\n');
      await this.#commit(isThere ? 'the visitor goes' : 'the visitor comes');
    });
  }

  /** Notes what was pushed; where something went wrong, perhaps nothing was. */
  #settle(kind: string, { fileName }: CrashZone, value: number): void {
    if (!this.#stage.hasFailed()) this.#settled.set(`${kind} ${fileName}`, value);
  }

  #next(kind: string, { fileName }: CrashZone): number {
    return (this.#settled.get(`${kind} ${fileName}`) ?? 0) + 1;
  }

  #read({ fileName }: CrashZone): string {
    return readFileSync(join(this.#clone, fileName), 'utf8');
  }

  #edit(zone: CrashZone, change: (text: string) => string): void {
    writeFileSync(join(this.#clone, zone.fileName), change(this.#read(zone)));
  }

  #isUpToDate(zone: CrashZone): boolean {
    const text = this.#read(zone);
    return handValue(text, 'note', this.number) === (this.#settled.get(`note ${zone.fileName}`) ?? 0);
  }

  async #commit(message: string): Promise<void> {
    await git(this.#clone, 'add', '--all');
    await git(this.#clone, 'commit', '--quiet', '--allow-empty', '--message', message);
  }

  /** Does `work` on what is there, and pushes, until that is taken; then tells the server. */
  async #push(zone: CrashZone | undefined, work: Work): Promise<void> {
    let why = '';
    for (let tries = 1; tries <= MAX_TRIES && !this.#stage.hasFailed(); tries++) {
      try {
        await git(this.#clone, 'fetch', '--quiet', 'origin');
        await git(this.#clone, 'checkout', '--quiet', '--force', '--detach', 'origin/main');
        await work();
        await git(this.#clone, 'push', '--quiet', 'origin', 'HEAD:main');
        this.commits.push(await git(this.#clone, 'rev-parse', 'HEAD'));
        await this.#tell(zone);
        return;
      } catch (error) {
        why = (error as Error).message;
        await git(this.#clone, 'merge', '--abort').catch(() => undefined);
        this.#stage.count('commits by hand that were refused');
        await pause(this.#stage.chance(AGAIN));
      }
    }
    if (!this.#stage.hasFailed()) this.#stage.fail(`hands ${this.number} could not push: ${why}`);
  }

  async #tell(zone: CrashZone | undefined): Promise<void> {
    const { server, key, zones } = this.#stage;
    const message = notifyMessage((zone ?? zones[0]!).name);
    await exchange({ server, message, key, transport: 'udp', timeout: 100, tries: 1 });
  }
}
