/**
 * Deltas as octets (`record-octets.ts`), for another thread. Their records follow each other as in an IXFR (RFC 1995 4), where SOAs tell
 * where a delta begins and where what it adds does. A history writes them (`history.ts`).
 */
import type { ResourceRecord } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import type { Delta } from './delta.ts';

/** The deltas whose records these are. */
export function joinDeltas(records: readonly ResourceRecord[]): readonly Delta[] {
  const soas: number[] = [];
  for (const [i, { type }] of records.entries()) if (type === TYPE.SOA) soas.push(i);
  const deltas: Delta[] = [];
  for (let i = 0; i < soas.length; i += 2) {
    const removed = records.slice(soas[i], soas[i + 1]);
    const added = records.slice(soas[i + 1], soas[i + 2]);
    deltas.push({ origin: removed[0]!.name, from: serialOf(removed), to: serialOf(added), removed, added });
  }
  return deltas;
}

const serialOf = ([soa]: readonly ResourceRecord[]): number => readSoa(soa!.rdata).serial;
