/**
 * When secondaries are asked what they serve: after a pause from when they were heard of, and with growing pauses for as long as they are behind.
 * Those for which somebody waits are asked soon, and many at once; all others in their turn, one after the other, since one that follows
 * thousands of zones has better to do while they come. Who was never heard of, or asked in vain for long, is asked at leisure: somebody
 * else may feed it, or be the one who can reach it. What is asked, and what the answer means, is `followers.ts`.
 *
 * Always holds: a follower is asked one question at a time, and none that is behind is given up; one that is forgotten is not asked; however many
 * are asked in vain, they cost so many questions a second and no more.
 */
import type { Clock } from './clock.ts';

/** SOA queries under way at once. */
const MAX_PROBING = 50;
/** Milliseconds from one SOA query for which nobody waits to the next. */
const IDLE_SPACING = 5;
/** Milliseconds from one SOA query at leisure to the next, unless that has brought news. */
const LEISURE_SPACING = 100;
/** Milliseconds before the first SOA query: while an update waits for it, and else; each pause is twice the one before. */
const PROBE_PAUSES = {
  acknowledged: { awaited: 8, idle: 250 },
  transferred: { awaited: 1, idle: 250 },
} as const;
/** Milliseconds from one SOA query at leisure to the next of the same zone and secondary; and where pauses have grown to this, leisure begins. */
const LEISURE_PAUSE = 60_000;

/** What has been heard of a secondary that is no statement of what it serves. */
export type Sign = keyof typeof PROBE_PAUSES;

/** What is noted of a follower here. */
export interface Probe {
  /** Questions since it was last heard of, and the pause before the first of them. */
  asked: number;
  pause: number;
  isAsking: boolean;
  cancel: (() => void) | undefined;
}

export const newProbe = (): Probe => ({
  asked: 0,
  pause: LEISURE_PAUSE,
  isAsking: false,
  cancel: undefined,
});

export interface ProbesOptions<Follower> {
  readonly clock: Clock;
  /** Does somebody wait for what it serves? */
  isAwaited(follower: Follower): boolean;
  /** Is it still to be asked: one of those who are followed, and behind? */
  isBehind(follower: Follower): boolean;
  /** Asks it once. Never rejects. */
  ask(follower: Follower): Promise<void>;
}

export class Probes<Follower extends { readonly probe: Probe }> {
  readonly #options: ProbesOptions<Follower>;
  /** Due, and waiting for others to be answered. */
  readonly #queued = new Set<Follower>();
  /** Due, and nobody waits for them: one after the other. */
  readonly #inTurn = new Set<Follower>();
  /** Until the next of these. */
  #spacing: (() => void) | undefined;
  /** To be asked at leisure, and when: all wait equally long, so the first is due first. */
  readonly #atLeisure = new Map<Follower, number>();
  /** Until the next of these. */
  #leisure: (() => void) | undefined;
  #probing = 0;
  #isClosed = false;

  constructor(options: ProbesOptions<Follower>) {
    this.#options = options;
  }

  /** It is behind, and need not have been heard of. */
  behind(follower: Follower): void {
    const { probe } = follower;
    if (probe.isAsking || probe.cancel !== undefined || this.#isDue(follower) || this.#atLeisure.has(follower)) return;
    probe.pause = LEISURE_PAUSE;
    this.#askLater(follower);
  }

  /** It was heard of, and is asked after a pause. */
  heardOf(follower: Follower, sign: Sign): void {
    const { probe } = follower;
    probe.pause = PROBE_PAUSES[sign][this.#options.isAwaited(follower) ? 'awaited' : 'idle'];
    probe.asked = 0;
    this.#askLater(follower);
  }

  /** Somebody waits: one that would be asked in its turn is asked soon. */
  hurry(follower: Follower): void {
    const { probe } = follower;
    if (probe.cancel === undefined && !this.#inTurn.has(follower)) return;
    probe.pause = PROBE_PAUSES.acknowledged.awaited;
    probe.asked = 0;
    this.#askLater(follower);
  }

  /** It is current, or gone. */
  forget(follower: Follower): void {
    this.#unqueue(follower);
  }

  close(): void {
    this.#isClosed = true;
    this.#spacing?.();
    this.#leisure?.();
  }

  #isDue(follower: Follower): boolean {
    return this.#queued.has(follower) || this.#inTurn.has(follower);
  }

  #askLater(follower: Follower): void {
    const { probe } = follower;
    if (probe.isAsking || this.#isClosed) return;
    probe.cancel?.();
    probe.cancel = undefined;
    this.#leaveLeisure(follower);
    const { clock } = this.#options;
    const pause = probe.pause * 2 ** probe.asked;
    if (pause >= LEISURE_PAUSE) {
      this.#atLeisure.set(follower, clock.now() + LEISURE_PAUSE);
      this.#waitAtLeisure(LEISURE_SPACING);
    } else
      probe.cancel = clock.after(pause, () => {
        probe.cancel = undefined;
        this.#queue(follower);
      });
  }

  #queue(follower: Follower): void {
    if (this.#options.isAwaited(follower)) {
      this.#unqueue(follower);
      this.#queued.add(follower);
      this.#askQueued();
    } else if (!this.#isDue(follower)) {
      this.#inTurn.add(follower);
      this.#askInTurn();
    }
  }

  /** It waits for nothing. One that was heard of while it was due does so for its turn and for a pause. */
  #unqueue(follower: Follower): void {
    const { probe } = follower;
    probe.cancel?.();
    probe.cancel = undefined;
    this.#inTurn.delete(follower);
    this.#queued.delete(follower);
    this.#leaveLeisure(follower);
  }

  #leaveLeisure(follower: Follower): void {
    if (!this.#atLeisure.delete(follower) || this.#atLeisure.size > 0) return;
    this.#leisure?.();
    this.#leisure = undefined;
  }

  #askQueued(): void {
    for (const follower of this.#queued) {
      if (this.#probing >= MAX_PROBING) return;
      this.#ask(follower);
    }
  }

  #askInTurn(): void {
    if (this.#spacing !== undefined || this.#probing >= MAX_PROBING || this.#isClosed) return;
    const [follower] = this.#inTurn;
    if (follower === undefined) return;
    this.#spacing = this.#options.clock.after(IDLE_SPACING, () => {
      this.#spacing = undefined;
      this.#askInTurn();
    });
    this.#ask(follower);
  }

  /** Sets the alarm for who is due first at leisure, in `spacing` milliseconds at the earliest, unless it is set. */
  #waitAtLeisure(spacing: number): void {
    const [dueAt] = this.#atLeisure.values();
    if (this.#leisure !== undefined || this.#isClosed || dueAt === undefined) return;
    const { clock } = this.#options;
    this.#leisure = clock.after(Math.max(spacing, dueAt - clock.now()), () => {
      this.#leisure = undefined;
      const [first] = this.#atLeisure;
      if (first !== undefined && first[1] <= clock.now() && this.#probing < MAX_PROBING) this.#ask(first[0]);
      this.#waitAtLeisure(LEISURE_SPACING);
    });
  }

  /** Somebody was away, or is fed by somebody else, and there are news: where they come from may be more. */
  #hasten(): void {
    this.#leisure?.();
    this.#leisure = undefined;
    this.#waitAtLeisure(IDLE_SPACING);
  }

  #ask(follower: Follower): void {
    const { probe } = follower;
    const isAtLeisure = this.#atLeisure.has(follower);
    this.#unqueue(follower);
    this.#probing++;
    probe.isAsking = true;
    probe.asked++;
    void this.#options.ask(follower).finally(() => {
      this.#probing--;
      probe.isAsking = false;
      if (this.#options.isBehind(follower)) this.#askLater(follower);
      else if (isAtLeisure) this.#hasten();
      this.#askQueued();
      this.#askInTurn();
    });
  }
}
