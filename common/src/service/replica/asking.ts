/**
 * Asks the primaries of zones: when is `authority/refresh.ts`, whom first `primaries.ts`, how `upstream.ts`, and of which only because something
 * may have been missed `doubts.ts`. One question about a zone is under way at a time, which goes to its primaries in turn until one answers with something that can be used.
 */
import { dueNow, isVouchedFor, nextDue, type RefreshEvent, step } from '../../authority/refresh.ts';
import { type Peer, printPeer } from '../../net/address.ts';
import { type Fault, fail, type Result } from '../../result.ts';
import { isNewer } from '../../zone/serial.ts';
import type { Zone } from '../../zone/zone.ts';
import { Agenda } from '../agenda.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { FewLinesOfEach } from '../rare-line.ts';
import type { News, Upstream } from '../upstream.ts';
import { Doubts } from './doubts.ts';
import { type HeldZone, isDoubted, isNamed, isUrgent, newerTip, type Tip, TOLD_GONE } from './held-zone.ts';
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
/**
 * Milliseconds for which primaries have to say that a zone is gone, where none has told of that: one that was just started may not have got it
 * itself.
 */
const GONE_TIME = 120_000;
/** What came could not be used. */
const BAD: ReadonlySet<string> = new Set(['inbound', 'malformed']);

export class Asking {
  readonly #options: AskingOptions;
  readonly #agenda = new Agenda<HeldZone>();
  /** Of the zones that are urgent, which take turns with the others. */
  readonly #urgent = new Agenda<HeldZone>();
  readonly #doubts: Doubts;
  /** What goes wrong with many zones at once is one event of their primaries: by these, as they are printed. */
  readonly #failures: FewLinesOfEach;
  #hasBegun = false;
  #alarm: { readonly at: number; cancel(): void } | undefined;

  constructor(options: AskingOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#failures = new FewLinesOfEach(clock, (primary, zones) =>
      log.warn('refresh.failed', { primary, zones }, 'so many more zones: the status page names them'),
    );
    this.#doubts = new Doubts({ clock, ask: (held) => this.#ask(held) });
  }

  /** Until then zones are noted, and nobody is asked. */
  begin(): void {
    this.#hasBegun = true;
    this.#wait();
  }

  end(): void {
    this.#hasBegun = false;
    this.#alarm?.cancel();
    this.#doubts.end();
    this.#failures.close();
  }

  /** Notes when a zone is due, after its refresh was given another value, too. */
  note(held: HeldZone): void {
    const [agenda, other] = isUrgent(held) ? [this.#urgent, this.#agenda] : [this.#agenda, this.#urgent];
    other.delete(held);
    agenda.set(held, held.isDropped ? Number.POSITIVE_INFINITY : nextDue(held.refresh));
    this.#wait();
  }

  happened(held: HeldZone, event: RefreshEvent): void {
    held.refresh = step(held.refresh, event, this.#options.clock.now(), this.#options.random());
    this.note(held);
  }

  /**
   * A primary has said by itself, and can be believed, that it has what we have. That is enough where it would have been asked because something
   * may have been missed.
   */
  reassured(held: HeldZone, by: ReplicaSource | undefined): void {
    const { clock } = this.#options;
    if (!isDoubted(held) || by === undefined || held.primaries.inTurn(clock.now())[0] !== by) return;
    this.happened(held, { kind: 'reassured' });
    if (!isDoubted(held)) this.#doubts.told(by);
  }

  #wait(): void {
    const nextAt = Math.min(this.#agenda.nextAt, this.#urgent.nextAt);
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
      const [first, second] = left % 2 === 0 ? [this.#urgent, this.#agenda] : [this.#agenda, this.#urgent];
      const held = first.take(now) ?? second.take(now);
      if (held === undefined) break;
      const due = dueNow(held.refresh, now);
      if (due === 'expire') this.#expire(held);
      else if (due === 'ask') this.#begin(held, now);
      else this.note(held);
    }
    this.#wait();
  }

  #begin(held: HeldZone, now: number): void {
    if (!isDoubted(held)) {
      void this.#ask(held);
      return;
    }
    this.happened(held, { kind: 'queued' });
    this.#doubts.add(held, held.primaries.inTurn(now)[0]);
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
      if (!reach.signal.aborted && !held.isDropped) this.#conclude(held, outcome, tip);
    } catch (error) {
      log.error('process.fault', { during: 'refresh', zone: held.origin.toString(), error });
      this.happened(held, { kind: 'failed', isBad: true });
    }
  }

  /** The first primary that has something new is enough, and one that has not unless a NOTIFY has named a newer serial. */
  async #askInTurn(held: HeldZone, tip: Tip | undefined): Promise<Outcome> {
    const { upstream, clock, absences, reach } = this.#options;
    const { origin, copy: current, primaries } = held;
    const isTipped = isTippedBeyond(current?.serial, tip);
    const faults: Outcome['faults'][number][] = [];
    let news: Outcome['news'];
    for (const source of primaries.inTurn(clock.now(), tip?.from)) {
      const promised = tip?.isSigned === true && tip.from === source ? tip.serial : undefined;
      const route = routeTo(source, reach);
      const inquiry = { origin, current, promised, isUrgent: isUrgent(held, tip) };
      let answer = await upstream.ask(route, inquiry);
      // What has expired is no better than what there is.
      if (!answer.ok && answer.fault.kind === 'older' && held.refresh.soa === undefined)
        answer = await upstream.ask(route, { ...inquiry, current: undefined });
      if (reach.signal.aborted || held.isDropped) break;
      absences.note(source, !answer.ok && AWAY.has(answer.fault.kind), clock.now());
      answer = vouched(answer, current);
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

  #conclude(held: HeldZone, { news, faults }: Outcome, tip: Tip | undefined): void {
    const { serving, gone, clock } = this.#options;
    const soa = (news?.said.applied?.zone ?? held.copy)?.soa;
    if (news !== undefined && soa !== undefined) {
      const { applied, expire } = news.said;
      held.failure = undefined;
      held.goneSince = undefined;
      held.checkedAt = clock.now();
      const isNew = applied !== undefined;
      const isBehind = isTippedBeyond(soa.serial, tip) && (isNew || faults.some(({ source }) => source === tip.from));
      if (isBehind) held.tip = held.tip === undefined ? tip : newerTip(tip, held.tip);
      this.happened(held, { kind: 'succeeded', soa, isNew, expire, isBehind });
      if (isNew) serving.publish(held, applied, news.by);
      else serving.confirm(held);
    } else if (this.#isOver(held, faults, tip) || isForgotten(held)) gone(held);
    else {
      this.#tell(held, faults);
      this.happened(held, { kind: 'failed', isBad: faults.some(({ fault }) => BAD.has(fault.kind)) });
    }
  }

  /** Is the zone ours no more? What has come once is not dropped for what a primary says that may not know it yet. */
  #isOver(held: HeldZone, faults: Outcome['faults'], tip: Tip | undefined): boolean {
    const now = this.#options.clock.now();
    const isTold = tip?.isSigned === true && tip.serial === undefined;
    const since = isTold ? TOLD_GONE : (held.goneSince ?? now);
    held.goneSince = isGone(held, faults) ? since : undefined;
    if (held.goneSince === undefined || isNamed(held)) return false;
    return held.copy === undefined || now - held.goneSince >= GONE_TIME;
  }

  /** Logs what went wrong where that is not what went wrong last. */
  #tell(held: HeldZone, faults: Outcome['faults']): void {
    const isOne = faults.length === 1;
    const what = faults
      .map(({ source, fault }) => (isOne ? '' : `${printPeer(source.primary)}: `) + fault.what)
      .join('; ');
    const primary = faults.map(({ source }) => printPeer(source.primary)).join(' ');
    if (held.failure !== what && this.#failures.add(primary))
      this.#options.log.warn('refresh.failed', { zone: held.origin.toString(), primary, what });
    held.failure = what;
  }
}

/** A primary whose own copy is at its end (RFC 7314) has nothing to be taken, and says nothing for what we have, which lives on as long as it may. */
function vouched(answer: Result<News, Fault>, current: Zone | undefined): Result<News, Fault> {
  if (!answer.ok) return answer;
  const { applied, expire } = answer.value;
  const soa = (applied?.zone ?? current)?.soa;
  if (soa === undefined || isVouchedFor(soa, expire)) return answer;
  return fail({
    kind: applied === undefined ? 'expired' : 'inbound',
    what: 'its own copy is at its end, says its EXPIRE',
  });
}

/** Has a NOTIFY named a version after the one with this serial? */
function isTippedBeyond(serial: number | undefined, tip: Tip | undefined): tip is Tip & { readonly serial: number } {
  return tip?.serial !== undefined && (serial === undefined || isNewer(tip.serial, serial));
}

/** Does the primary that the zone came from say that it is gone, or all of them where it never came? */
function isGone({ primaries }: HeldZone, faults: Outcome['faults']): boolean {
  const isSaid = ({ fault }: Outcome['faults'][number]): boolean => fault.kind === 'gone';
  const last = faults.filter(({ source }) => source === primaries.last);
  return last.length === 0 ? faults.length > 0 && faults.every(isSaid) : last.every(isSaid);
}
