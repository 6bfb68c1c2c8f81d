/** A primary on a fake store and a fake journal, and zone files, keys and updates for it. */
import { parseKey } from '@zonewright/common/authority/key';
import type { Update } from '@zonewright/common/authority/update';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import type { Log } from '@zonewright/common/service/log';
import type { Zone } from '@zonewright/common/zone/zone';
import { Primary, type PrimaryOptions } from '@zonewright/primary/primary';
import { GitRepository } from '@zonewright/primary/repository/git-repository';
import { FakeJournal } from './fake-journal.ts';
import { FakeStore } from './fake-store.ts';
import { given, nameOf, recordsFrom } from './records.ts';
import { until } from './until.ts';

export const origin = nameOf('example.');
export const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
export const KEY = given(parseKey(`personal._update.example:SHA256:${SECRET}`));
export const KEYS = `personal._update.example. DNSKEY 0 3 163 ${SECRET}\n`;
export const PEER = { address: '192.0.2.77', port: 4242 };

/** A zone file with its comment, so that what is left alone can be seen. */
export const fileText = (serial: number, ...more: readonly string[]): string =>
  ['$TTL 60 ; mine', `@ SOA ns hostmaster ${serial} 3600 600 86400 300`, '@ NS ns.other.', ...more, ''].join('\n');
export const otherText = (serial: number): string =>
  `@ 60 SOA ns. h. ${serial} 3600 600 86400 300\n@ 60 NS ns.example.\n`;

export const update = (adds: string, prerequisites: readonly ResourceRecord[] = [], of = origin): Update => ({
  origin: of,
  scope: of,
  key: KEY,
  prerequisites,
  operations: recordsFrom(adds, of),
});

/** The name is not in use: what makes running an update twice visible. */
export const unused = (name: string): ResourceRecord => ({
  name: nameOf(name, origin),
  type: TYPE.ANY,
  class: CLASS.NONE,
  ttl: 0,
  rdata: new Uint8Array(0),
});

/** Deletes all of a name. */
export const removal = (name: string): Update => ({
  ...update(''),
  operations: [{ ...unused(name), class: CLASS.ANY }],
});

export interface Logged {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string | undefined;
}

export const recorder = (): { log: Log; events: string[]; lines: Logged[] } => {
  const events: string[] = [];
  const lines: Logged[] = [];
  const write = (event: string, fields: Logged['fields'] = {}, message?: string): void => {
    events.push(event);
    lines.push({ event, fields, message });
  };
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  return { log, events, lines };
};

export type Settings = Partial<
  Pick<PrimaryOptions, 'ack' | 'unpushed' | 'serialPolicy' | 'catalog' | 'clock' | 'mostFileOctets' | 'repository'>
>;

export interface World {
  readonly store: FakeStore;
  readonly journal: FakeJournal;
  readonly primary: Primary;
  readonly events: string[];
  readonly lines: Logged[];
  readonly changes: string[];
  serial(): number | undefined;
  has(name: string): boolean;
  /** Waits until all that was acknowledged is in the remote. */
  written(): Promise<void>;
}

/** A primary that has not looked at its repository yet. */
export const worldOf = (store: FakeStore, journal: FakeJournal, settings: Settings = {}): World => {
  const { log, events, lines } = recorder();
  const changes: string[] = [];
  const primary = new Primary({
    repository: new GitRepository(store),
    journal,
    ack: 'journal',
    unpushed: { updates: 10_000, age: 86_400 },
    serialPolicy: 'auto',
    ...settings,
    log,
    isTransferOpen: false,
    version: '1',
    id: 'test',
    onChange: (zone: Zone) => void changes.push(`${zone.origin} ${zone.serial}`),
  });
  return {
    store,
    journal,
    primary,
    events,
    lines,
    changes,
    serial: () => primary.zones.get(origin)?.serial,
    has: (name) => primary.zones.get(origin)?.find(nameOf(name, origin)) !== undefined,
    written: async () => {
      await until(() => journal.open.length === 0, { what: 'all is written', timeout: 60_000 });
    },
  };
};

export const startWorld = async (files: Readonly<Record<string, string>>, settings: Settings = {}): Promise<World> => {
  const world = worldOf(new FakeStore(files), new FakeJournal(), settings);
  given(await world.primary.loadKnown());
  given(await world.primary.pull());
  return world;
};

/** What is there after the process was killed: another primary on the same store and what the journal has kept. */
export const restart = async ({ store, journal }: World, settings: Settings = {}): Promise<World> => {
  const world = worldOf(store, journal.again(), settings);
  given(await world.primary.loadKnown());
  return world;
};
