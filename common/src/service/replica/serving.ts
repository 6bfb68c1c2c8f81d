/**
 * What becomes of the zones of a replica: versions are published and kept, expire, come back, and are withdrawn. Each is told to the
 * table of zones, to the copies that outlive the process, to the log, and to whoever follows.
 */
import type { Applied } from '../../authority/inbound.ts';
import { restoredRefresh, timeLeft } from '../../authority/refresh.ts';
import type { ZoneTable } from '../../authority/zones.ts';
import type { Name } from '../../name.ts';
import { type Peer, printPeer } from '../../net/address.ts';
import type { Zone } from '../../zone/zone.ts';
import type { Clock } from '../clock.ts';
import type { Copies, Copy, CopyState } from '../copies.ts';
import type { Log } from '../log.ts';
import { type HeldZone, isNamed, namerOf } from './held-zone.ts';

export interface ServingOptions {
  readonly zones: ZoneTable;
  readonly copies: Copies;
  readonly clock: Clock;
  readonly log: Log;
  onChange(origin: Name, zone: Zone | undefined): void;
}

export class Serving {
  readonly #options: ServingOptions;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  /** Serves a copy from before, or has it ready for when its primary says that it is current, if it has expired. */
  restore(held: HeldZone, { zone, deltas, state }: Copy): void {
    const { clock, log } = this.#options;
    const left = timeLeft(state, clock.wall());
    held.copy = zone;
    held.checkedAt = clock.now() - Math.max(0, clock.wall() - state.checkedAt);
    for (const delta of deltas) held.history.add(delta);
    held.refresh = restoredRefresh(clock.now(), zone.soa, left, held.checkedAt);
    if (left > 0) this.#serve(zone);
    else {
      log.warn('zone.expired', { zone: held.origin.toString() }, 'it had expired when the process began');
      this.awaits(held);
    }
  }

  /** Keeps a copy that nothing names until it expires: a key that is missing for one start may be there at the next. */
  leave({ zone: { origin }, state }: Copy): void {
    const { copies, clock, log } = this.#options;
    if (timeLeft(state, clock.wall()) <= 0) copies.remove(origin);
    else log.info('copy.kept', { zone: origin.toString() }, 'nothing names its zone');
  }

  /** Publishes what came; the refresh of the zone knows already that it did. */
  publish(held: HeldZone, { zone, deltas }: Applied, primary: Peer): void {
    const { copies, log } = this.#options;
    // Where there were too many to be kept they do not begin at the version that we had.
    const isWhole = deltas?.[0] === undefined || deltas[0].from !== held.copy?.serial;
    if (deltas === undefined || deltas.length === 0) held.history.clear();
    else for (const delta of deltas) held.history.add(delta);
    held.copy = zone;
    copies.save(zone, isWhole ? undefined : deltas, this.#stateOf(held));
    log.info('transfer.in', {
      zone: zone.origin.toString(),
      serial: zone.serial,
      primary: printPeer(primary),
      form: deltas === undefined ? 'AXFR' : 'IXFR',
    });
    this.#serve(zone);
  }

  /** A primary says that the copy is current; the refresh of the zone knows already. */
  confirm(held: HeldZone): void {
    const { zones, copies, log } = this.#options;
    copies.confirm(held.origin, this.#stateOf(held));
    if (held.copy === undefined || zones.get(held.origin) !== undefined) return;
    log.info('zone.recovered', { zone: held.origin.toString(), serial: held.copy.serial });
    this.#serve(held.copy);
  }

  /** Answers SERVFAIL for a zone that is ours and has nothing to be served. */
  awaits(held: HeldZone): void {
    const { zones } = this.#options;
    if (held.copy !== undefined) zones.await(held.origin, 'expired');
    else if (isNamed(held)) zones.await(held.origin);
  }

  expire(held: HeldZone): void {
    const { log, clock, onChange } = this.#options;
    const primary = held.primaries.peers(clock.now()).map(printPeer).join(' ');
    log.warn('zone.expired', { zone: held.origin.toString(), primary });
    this.awaits(held);
    onChange(held.origin, undefined);
  }

  withdraw(held: HeldZone): void {
    const { zones, copies, log, onChange } = this.#options;
    copies.remove(held.origin);
    const isServed = zones.get(held.origin) !== undefined;
    if (zones.isApex(held.origin)) zones.delete(held.origin);
    if (!isServed) return;
    log.info('zone.withdrawn', { zone: held.origin.toString() });
    onChange(held.origin, undefined);
  }

  #serve(zone: Zone): void {
    this.#options.zones.set(zone);
    this.#options.onChange(zone.origin, zone);
  }

  #stateOf(held: HeldZone): CopyState {
    const { clock } = this.#options;
    const wall = clock.wall();
    const left = (held.refresh.expireAt ?? clock.now()) - clock.now();
    return { checkedAt: wall, expireAt: Math.round(wall + left), namedBy: namerOf(held) };
  }
}
