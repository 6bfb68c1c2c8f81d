/**
 * What a commit of ours says about serials of files that were served with others: as lines at the end of its message
 * (git-interpret-trailers(1)).
 *
 * Somebody may give a file a serial that was served already, of an update that was not written yet, or leave the one that it had. The
 * version that was served with that serial is then another one, and nobody may be told what changed since this one.
 */
import type { Part } from './unwritten.ts';

const UNSERVED = 'Zonewright-Unserved';
const LINE = /^Zonewright-Unserved: (\S{1,1100}) (\d{1,10})\s*$/gm;

/** A line for each version of a file whose serial had to be raised. */
export function unservedLines(parts: readonly Part[]): readonly string[] {
  return parts.flatMap(({ fileName, entries }) =>
    entries.flatMap((entry) => (entry.kind === 'serial' ? [`${UNSERVED}: ${fileName} ${entry.from}`] : [])),
  );
}

/** The serials that a message says of a file: those of its last versions before the commit that have them. */
export function readUnserved(message: string, fileName: string): readonly number[] {
  if (!message.includes(UNSERVED)) return [];
  return [...message.matchAll(LINE)].filter(([, name]) => name === fileName).map(([, , serial]) => Number(serial));
}
