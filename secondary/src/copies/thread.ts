/** The thread that has the copies: what it is asked for by `copies.ts`. */
import { serve } from '@zonewright/common/lmdb/serve';
import { WorkGarbage } from '@zonewright/common/service/image-garbage';
import { threadData } from '@zonewright/common/service/thread';
import { gatherImages } from '@zonewright/common/zone/image-region';
import { seedHashes } from '@zonewright/common/zone/lookup-name';
import { faultOf } from './fault.ts';
import { type LoadedCopy, loadCopy } from './load.ts';
import { CopyStore, type CopyWrite, Damaged } from './store.ts';

export interface CopiesData {
  /** The file. */
  readonly path: string;
  /** What names are hashed by. */
  readonly seed: Uint8Array;
}

/** Some of the copies. */
export interface Portion {
  readonly copies: readonly LoadedCopy[];
  /** Those that cannot be used: the key that they stand under, and of those of which that is known the zone. */
  readonly damaged: readonly { readonly key: Uint8Array; readonly zone: string | undefined; readonly what: string }[];
  /** Behind what the next portion begins; `undefined` at the end. */
  readonly next: Uint8Array | undefined;
}

export interface CopiesMethods {
  open(): void;
  write(writes: readonly CopyWrite[]): readonly number[];
  load(after: Uint8Array | undefined): Portion;
  sweep(damaged: readonly Uint8Array[]): void;
}

/** Zones that are loaded in one request, and octets of their images and deltas: one zone may have more. */
const PORTION_ZONES = 500;
const PORTION_OCTETS = 4 * 2 ** 20;

const { path, seed } = await threadData<CopiesData>();
let store: CopyStore | undefined;

const opened = (): CopyStore => {
  store ??= new CopyStore(path);
  return store;
};

function load(after: Uint8Array | undefined): Portion {
  const copies: LoadedCopy[] = [];
  const damaged: Portion['damaged'][number][] = [];
  let octets = 0;
  let next: Uint8Array | undefined;
  for (const [key, stored] of opened().copies(after)) {
    try {
      if (stored === undefined) throw new Damaged('what is known of it is damaged');
      const copy = loadCopy(stored);
      octets += 4 * copy.zone.image.end + (copy.deltas?.length ?? 0);
      copies.push(copy);
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      damaged.push({ key: new Uint8Array(key), zone: stored?.head.zone.toString(), what: error.message });
    }
    if (octets < PORTION_OCTETS && copies.length + damaged.length < PORTION_ZONES) continue;
    next = new Uint8Array(key);
    break;
  }
  opened().endRead();
  const images = gatherImages(copies.map(({ zone }) => zone.image));
  return {
    copies: copies.map((copy, i) => ({ ...copy, zone: { ...copy.zone, image: images[i]! } })),
    damaged,
    next,
  };
}

const garbage = new WorkGarbage();
if (!seedHashes(seed)) throw new Error('names were hashed before the seed was there');
serve<CopiesMethods>({
  methods: {
    open: () => void opened(),
    write: (writes) => {
      const unfit = opened().write(writes);
      garbage.rest(writes.flatMap(({ kept }) => kept?.snapshot?.image ?? []));
      return unfit;
    },
    load: (after) => {
      const portion = load(after);
      garbage.rest();
      return portion;
    },
    sweep: (damaged) => opened().sweep(damaged),
  },
  close: async () => {
    const closing = store;
    store = undefined;
    await closing?.close();
  },
  faultOf: (error) => faultOf(path, error),
});
