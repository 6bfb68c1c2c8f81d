/** The thread that has the journal's store: what it is asked for by `database.ts`. */
import type { Packs } from '@zonewright/common/lmdb/pack';
import { serve } from '@zonewright/common/lmdb/serve';
import { Name } from '@zonewright/common/name';
import { threadData } from '@zonewright/common/service/thread';
import { faultOf } from './fault.ts';
import { JournalStore, type Stored, type StoredWrite } from './store.ts';

/** What the thread starts with: the file. */
export type JournalData = string;

export interface JournalMethods {
  open(): Stored;
  write(generation: number, writes: readonly StoredWrite[]): void;
  /** The origin in wire form. */
  historyOf(origin: Uint8Array): Packs;
}

const path = await threadData<JournalData>();
let store: JournalStore | undefined;

const opened = (): JournalStore => {
  store ??= new JournalStore(path);
  return store;
};

serve<JournalMethods>({
  methods: {
    open: () => opened().stored,
    write: (generation, writes) => opened().write(generation, writes),
    historyOf: (origin) => {
      const name = Name.fromWire(origin);
      return name.ok ? opened().historyOf(name.value) : [];
    },
  },
  close: async () => {
    const closing = store;
    store = undefined;
    await closing?.close();
  },
  faultOf: (error) => faultOf(path, error),
});
