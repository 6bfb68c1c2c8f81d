/**
 * How much larger updates may make a zone file. A file of more than `MAX_BLOB` octets is read by nobody, and what leads to one cannot be
 * written to git; so such an update is refused before it is acknowledged.
 *
 * It is judged by an upper bound: the octets that the file had when it was read or written last, all records that were added since, be
 * they deleted again, and those of the update. Left out: what a `$GENERATE` becomes when one of its records is changed; a file that
 * comes to be too large by that is not written (`repository/git-repository.ts`).
 */
import { MAX_BLOB } from '@zonewright/common/git/objects';
import { CLASS } from '@zonewright/common/rr/class';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';

/** Octets that updates leave free: a line that is deleted may have the next one say its owner, and serials become longer. */
const FILE_RESERVE = 1_048_576;
/** Octets of a line beside its record: columns as its neighbours have them. */
const LINE_SPARE = 64;

/** The octets that updates may make of a zone file. */
export const MOST_FILE_OCTETS = MAX_BLOB - FILE_RESERVE;

/** An upper bound of the octets by which operations (RFC 2136 2.5) make a file larger; 0: they add nothing. */
export function addedOctets(operations: readonly ResourceRecord[]): number {
  let octets = 0;
  for (const each of operations) if (each.class === CLASS.IN) octets += printRecord(each).length + LINE_SPARE;
  return octets;
}
