/**
 * What the parts of a primary share: what is served, what of it is not written yet, the journal, the repository, and the two turns in
 * which all of that changes.
 *
 * Always holds: the repository is asked in its turn alone, one request after the other; versions are published in theirs. Who needs both
 * takes that of the repository first.
 */
import type { Name } from '@zonewright/common/name';
import type { Clock } from '@zonewright/common/service/clock';
import type { Log } from '@zonewright/common/service/log';
import { dateSerial } from '@zonewright/common/zone/serial';
import type { Moment } from './batch.ts';
import { type CatalogStep, decideCatalog } from './catalog.ts';
import { condense } from './condense.ts';
import { MOST_FILE_OCTETS } from './file-room.ts';
import type { Journal, JournalWrite } from './journal/journal.ts';
import { JournalTime } from './journal-time.ts';
import { ZoneNotes } from './notes.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';
import type { PullFault } from './pull.ts';
import type { Repository, Source } from './repository/repository.ts';
import type { Takeover } from './takeover.ts';
import { Turn } from './turn.ts';
import { Unwritten } from './unwritten.ts';

export interface StateOptions extends PublisherOptions {
  readonly repository: Repository;
  readonly journal: Journal;
  readonly serialPolicy: 'auto' | 'strict';
  readonly clock?: Clock;
  /** What updates may make of a zone file. */
  readonly mostFileOctets?: number;
}

export class State {
  readonly log: Log;
  readonly repository: Repository;
  readonly journal: Journal;
  readonly serialPolicy: 'auto' | 'strict';
  readonly time: JournalTime;
  readonly unwritten: Unwritten;
  readonly publisher: Publisher;
  /** Of the repository. */
  readonly git = new Turn();
  /** Of the versions that are served, and of the positions of entries. */
  readonly versions = new Turn();
  /** By the name of the file: what is in force of files that are not as they stand at the head. As the journal has it. */
  readonly lastGood: Map<string, Source>;
  /** As the journal has them. */
  readonly notes: ZoneNotes;
  /**
   * The newest position that a commit can speak of: of entries from before the start, or in a commit that was to be pushed since. A mark
   * beyond it is of a time that this journal does not know, having been put back.
   */
  attempted: number;
  /** The commit in force as the journal has it. */
  noted: string | undefined;
  /** Is it about to be looked whether there is too much of older commits? */
  isTidying = false;
  /** Zones that are about to be copied, by the keys of their origins. */
  readonly condensing = new Set<string>();
  /** Why the last pull has failed, if it has. */
  fault: PullFault | undefined;
  isClosed = false;
  readonly #mostFileOctets: number;

  constructor({ log, repository, journal, serialPolicy, clock, mostFileOctets, ...rest }: StateOptions) {
    const { position, lastGood, notes, inForce } = journal.kept;
    this.log = log;
    this.#mostFileOctets = mostFileOctets ?? MOST_FILE_OCTETS;
    this.repository = repository;
    this.journal = journal;
    this.serialPolicy = serialPolicy;
    this.time = new JournalTime(journal.kept, clock);
    this.unwritten = new Unwritten(position);
    this.publisher = new Publisher(
      { log, ...rest, onWasteful: ({ origin }) => void condense(this, origin) },
      this.unwritten,
    );
    this.lastGood = new Map(
      [...lastGood].map(([fileName, { oid, includes }]) => [fileName, { oid, includes: [...includes] }]),
    );
    this.notes = new ZoneNotes(notes);
    this.attempted = position;
    this.noted = inForce;
  }

  readonly served = (origin: Name) => this.publisher.zones.get(origin);

  /** Octets that may be added to the file of a zone. */
  readonly roomOf = (origin: Name): number => this.#mostFileOctets - this.unwritten.octetsOf(origin);

  /** What a takeover makes of the catalog, where there is to be one. */
  async decideCatalog(takeover: Takeover, time: number): Promise<CatalogStep | undefined> {
    const { zones, catalog } = this.publisher;
    if (catalog === undefined) return undefined;
    return decideCatalog(catalog, zones.get(catalog), takeover, this.notes.of(catalog), time);
  }

  /** When what is run now is run. */
  get moment(): Moment {
    return { time: this.time.now(), today: dateSerial(this.time.wall) };
  }

  /** Keeps the age of what waits over a restart. */
  readonly keepTime = (): void =>
    this.time.keep({
      isNeeded: () => !this.isClosed && this.unwritten.allWaiting.updates > 0,
      note: (time) => this.note({ time }),
    });

  /** Writes to the journal what is true whether that works or not: after a fault, a restart begins from an older state. */
  async note(what: JournalWrite): Promise<void> {
    const written = await this.journal.write(what);
    if (written.ok) this.noted = what.inForce ?? this.noted;
    else this.log.error('journal.failed', { kind: written.fault.kind }, written.fault.what);
  }
}
