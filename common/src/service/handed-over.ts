/**
 * Requests that a thread hands over to control, all of one batch in one message: to post one costs more than to judge it, and most of that is
 * for the message and for each piece of memory in it. So they stand one behind the other, routes and octets, in memory that goes with them.
 *
 * Always holds: they come out in the order in which they were added, each in octets of its own.
 */
import { ROUTE } from '../net/route.ts';

/** The requests of a batch, as they are posted. */
export interface HandedOver {
  readonly kind: 'requests';
  /** Octets of each. */
  readonly lengths: readonly number[];
  /** Of each its route, and then itself. */
  readonly octets: Uint8Array<ArrayBuffer>;
}

/** See `net/route.ts` for the route of its reply. */
export interface RoutedRequest {
  readonly route: Uint8Array;
  readonly octets: Uint8Array;
}

/** Gathers a batch. */
export class HandingOver {
  #requests: RoutedRequest[] = [];

  /** The octets are not copied before {@link take}. */
  add(request: RoutedRequest): void {
    this.#requests.push(request);
  }

  /** What was added since the last time; `undefined`: nothing. */
  take(): HandedOver | undefined {
    const requests = this.#requests;
    if (requests.length === 0) return undefined;
    this.#requests = [];
    const lengths = requests.map(({ octets }) => octets.length);
    const octets = new Uint8Array(lengths.reduce((sum, length) => sum + ROUTE.octets + length, 0));
    let at = 0;
    for (const request of requests) {
      octets.set(request.route, at);
      octets.set(request.octets, at + ROUTE.octets);
      at += ROUTE.octets + request.octets.length;
    }
    return { kind: 'requests', lengths, octets };
  }
}

/** Takes a batch apart. */
export function* eachRequest({ lengths, octets }: HandedOver): Generator<RoutedRequest, void, undefined> {
  let at = 0;
  for (const length of lengths) {
    const from = at + ROUTE.octets;
    // Copies: one of them that is kept for long, or posted on, does not take all of the batch with it.
    yield { route: octets.slice(at, from), octets: octets.slice(from, from + length) };
    at = from + length;
  }
}
