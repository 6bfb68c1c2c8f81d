/** Ports whose services answer whatever comes: echo, daytime, qotd, chargen, time. A reply sent there could be a request again. */

/**
 * A reply sent there by a forged request would be a request again, without end. To port 0 nothing can be sent, and nothing honest
 * comes from there.
 */
const REFLECTORS: ReadonlySet<number> = new Set([0, 7, 13, 17, 19, 37]);

/** Above it there is none. */
const LAST_REFLECTOR = Math.max(...REFLECTORS);

/** Is what comes from this port met with silence? */
export function isReflector(port: number): boolean {
  return port <= LAST_REFLECTOR && REFLECTORS.has(port);
}
