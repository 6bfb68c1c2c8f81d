/**
 * Asks the primaries of zones: when is `authority/refresh.ts`, whom first `primaries.ts`, how `upstream.ts`. One question about a zone is
 * under way at a time, which goes to its primaries in turn until one answers with something that can be used.
 */
import { dueNow, nextDue, type RefreshEvent, step } from '../../authority/refresh.ts';
import { type Peer, printPeer } from '../../net/address.ts';
import type { Fault } from '../../result.ts';
import { isNewer } from '../../zone/serial.ts';
import { Agenda } from '../agenda.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { News, Upstream } from '../upstream.ts';
import { type HeldZone, isNamed, type Tip } from './held-zone.ts';
import { type Absences, type Reach, type ReplicaSource, routeTo } from './primaries.ts';
import { isForgotten } from './rumours.ts';
import type { Serving } from './serving.ts';

export interface AskingOptions {
  readonly upstream: Upstream;
  readonly serving: Serving;
  readonly absences: Absences;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly reach: Reach;
  /** No primary has this zone any more, or has ever shown it. */
  gone(held: HeldZone): void;
}

/** What all primaries of a zone together say. */
interface Outcome {
  readonly news?: { readonly said: News; readonly by: Peer };
  readonly faults: readonly { readonly source: ReplicaSource; readonly fault: Fault }[];
}

/** Zones that are looked at before everything else has its turn: after a restart all are due at once. */
const TURN_ZONES = 100;
/** Nobody was there. */
const AWAY: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'closed']);
/** What came could not be used. */
const BAD: ReadonlySet<string> = new Set(['inbound', 'malformed']);

export class Asking {
  readonly #options: AskingOptions;
  readonly #agenda = new Agenda<HeldZone>();
  #hasBegun = false;
  #alarm: { readonly at: number; cancel(): void } | undefined;

  constructor(options: AskingOptions) {
    this.#options = options;
  }

  /** Until then zones are noted, and nobody is asked. */
  begin(): void {
    this.#hasBegun = true;
    this.#wait();
  }

  end(): void {
    this.#hasBegun = false;
    this.#alarm?.cancel();
  }

  /** Notes when a zone is due, after its refresh was given another value, too. */
  note(held: HeldZone): void {
    this.#agenda.set(held, held.isDropped ? Number.POSITIVE_INFINITY : nextDue(held.refresh));
    this.#wait();
  }

  happened(held: HeldZone, event: RefreshEvent): void {
    held.refresh = step(held.refresh, event, this.#options.clock.now(), this.#options.random());
    this.note(held);
  }

  #wait(): void {
    const { nextAt } = this.#agenda;
    if (!this.#hasBegun || nextAt >= (this.#alarm?.at ?? Number.POSITIVE_INFINITY)) return;
    this.#alarm?.cancel();
    const { clock } = this.#options;
    // One that rings too early, as the zone was put off since, looks again.
    const ring = (): void => {
      this.#alarm = undefined;
      this.#look();
    };
    this.#alarm = { at: nextAt, cancel: clock.after(Math.max(0, nextAt - clock.now()), ring) };
  }

  #look(): void {
    const now = this.#options.clock.now();
    for (let left = TURN_ZONES; left > 0; left--) {
      const held = this.#agenda.take(now);
      if (held === undefined) break;
      const due = dueNow(held.refresh, now);
      if (due === 'expire') this.#expire(held);
      else if (due === 'ask') void this.#ask(held);
      else this.note(held);
    }
    this.#wait();
  }

  #expire(held: HeldZone): void {
    this.#options.serving.expire(held);
    this.happened(held, { kind: 'expired' });
  }

  async #ask(held: HeldZone): Promise<void> {
    const { log, reach } = this.#options;
    const { tip } = held;
    held.tip = undefined;
    this.happened(held, { kind: 'started' });
    try {
      const outcome = await this.#askInTurn(held, tip);
      if (!reach.signal.aborted && !held.isDropped) this.#conclude(held, outcome);
    } catch (error) {
      log.error('process.fault', { during: 'refresh', zone: held.origin.toString(), error });
      this.happened(held, { kind: 'failed', isBad: true });
    }
  }

  /** The first primary that has something new is enough, and one that has not unless a NOTIFY has named a newer serial. */
  async #askInTurn(held: HeldZone, tip: Tip | undefined): Promise<Outcome> {
    const { upstream, clock, absences, reach } = this.#options;
    const { origin, copy: current, primaries } = held;
    const isTipped = tip?.serial !== undefined && (current === undefined || isNewer(tip.serial, current.serial));
    const faults: Outcome['faults'][number][] = [];
    let news: Outcome['news'];
    for (const source of primaries.inTurn(clock.now(), tip?.from)) {
      const promised = tip?.isSigned === true && tip.from === source ? tip.serial : undefined;
      const answer = await upstream.ask(routeTo(source, reach), { origin, current, promised });
      if (reach.signal.aborted || held.isDropped) break;
      absences.note(source, !answer.ok && AWAY.has(answer.fault.kind), clock.now());
      if (!answer.ok) {
        faults.push({ source, fault: answer.fault });
        continue;
      }
      const isNew = answer.value.applied !== undefined;
      if (isNew || news === undefined) {
        primaries.worked(source);
        news = { said: answer.value, by: source.primary };
      }
      if (isNew || !isTipped) break;
    }
    return news === undefined ? { faults } : { news, faults };
  }

  #conclude(held: HeldZone, { news, faults }: Outcome): void {
    const { serving, gone, clock } = this.#options;
    const soa = (news?.said.applied?.zone ?? held.copy)?.soa;
    if (news !== undefined && soa !== undefined) {
      const { applied, expire } = news.said;
      held.failure = undefined;
      held.checkedAt = clock.now();
      this.happened(held, { kind: 'succeeded', soa, isNew: applied !== undefined, expire });
      if (applied === undefined) serving.confirm(held);
      else serving.publish(held, applied, news.by);
    } else if ((isGone(held, faults) && !isNamed(held)) || isForgotten(held)) gone(held);
    else {
      this.#tell(held, faults);
      this.happened(held, { kind: 'failed', isBad: faults.some(({ fault }) => BAD.has(fault.kind)) });
    }
  }

  /** Logs what went wrong where that is not what went wrong last. */
  #tell(held: HeldZone, faults: Outcome['faults']): void {
    const isOne = faults.length === 1;
    const what = faults
      .map(({ source, fault }) => (isOne ? '' : `${printPeer(source.primary)}: `) + fault.what)
      .join('; ');
    const primary = faults.map(({ source }) => printPeer(source.primary)).join(' ');
    if (held.failure !== what)
      this.#options.log.warn('refresh.failed', { zone: held.origin.toString(), primary, what });
    held.failure = what;
  }
}

/** Does the primary that the zone came from say that it is gone, or all of them where it never came? */
function isGone({ primaries }: HeldZone, faults: Outcome['faults']): boolean {
  const isSaid = ({ fault }: Outcome['faults'][number]): boolean => fault.kind === 'gone';
  const last = faults.filter(({ source }) => source === primaries.last);
  return last.length === 0 ? faults.length > 0 && faults.every(isSaid) : last.every(isSaid);
}
