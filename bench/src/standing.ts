/**
 * Servers that stay from one experiment of an area to the next, where that wants the same: the same zones, served in the same way. Only the last
 * ones stay.
 */
import type { Scope } from './scope.ts';
import { type Running, SERVERS, type ServerName, type Setting, startServers } from './servers.ts';

interface Stand {
  readonly scope: Scope;
  readonly key: string;
  readonly zones: Setting['zones'];
  readonly servers: readonly Running[];
}

export class Standing {
  readonly #owner: Scope;
  #last: Stand | undefined;

  constructor(owner: Scope) {
    this.#owner = owner;
  }

  /** Servers that answer; zones are the same where they are the same object, as `worlds.ts` gives them. */
  async servers(setting: Setting, names: readonly ServerName[] = SERVERS): Promise<readonly Running[]> {
    const key = JSON.stringify({ ...setting, zones: names });
    const { zones } = setting;
    if (this.#last?.zones === zones && this.#last.key === key) return this.#last.servers;
    await this.#last?.scope.end();
    const scope = this.#owner.inner();
    this.#last = { scope, key, zones, servers: await startServers(scope, setting, names) };
    return this.#last.servers;
  }
}
