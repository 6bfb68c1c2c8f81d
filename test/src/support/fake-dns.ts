/**
 * A primary that is a table in this process, behind the port of {@link DnsClient}: for what an order writes and looks up. It
 * knows additions and removals of single records, and no prerequisites.
 */
import type { Name } from '@zonewright/common/name';
import { ok, type Result } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { DnsClient, type DnsFault } from '@zonewright/letsencrypt/dns';

const keyOf = (name: Name, type: number): string => `${name.key} ${type}`;

export class FakeDns extends DnsClient {
  readonly #rdatas = new Map<string, Map<string, Uint8Array>>();
  /** Updates that were taken. */
  updates = 0;
  /** Whether what is written now gets nowhere, as from a process that was killed. */
  isCut = false;

  constructor() {
    super({ server: { address: '127.0.0.1', port: 1 } });
  }

  override async lookup(name: Name, type: number): Promise<Result<readonly Uint8Array[], DnsFault>> {
    return ok([...(this.#rdatas.get(keyOf(name, type))?.values() ?? [])]);
  }

  override async update(
    _zone: Name,
    { operations }: { readonly operations: readonly ResourceRecord[] },
  ): Promise<Result<void, DnsFault>> {
    if (this.isCut) return ok(undefined);
    this.updates++;
    for (const { name, type, class: cls, rdata } of operations) {
      const set = this.#rdatas.get(keyOf(name, type)) ?? new Map<string, Uint8Array>();
      const text = Buffer.from(rdata).toString('latin1');
      this.#rdatas.set(keyOf(name, type), set);
      if (cls === CLASS.NONE) set.delete(text);
      else set.set(text, rdata);
    }
    return ok(undefined);
  }
}
