/**
 * Functions of a host process that are told something and have no say.
 *
 * Always holds: what they throw, or reject with, is a warning of the process (`process.on('warning')`; on stderr unless told
 * otherwise), and ends nothing.
 */
import { inspect } from 'node:util';

/** What may be thrown is anything. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : inspect(error));

/** The function, made harmless. `name` stands in the warning. */
export function harmless<T>(name: string, call: (event: T) => unknown): (event: T) => void {
  const warn = (error: unknown): void =>
    process.emitWarning(`${name} failed: ${reasonOf(error)}`, { type: 'ZonewrightWarning' });
  return (event) => {
    try {
      Promise.resolve(call(event)).catch(warn);
    } catch (error) {
      warn(error);
    }
  };
}
