/**
 * Room in a database file, made before a transaction needs it. LMDB 3.5.6 (`mdb_page_flush` of the npm package) writes its report of
 * a failed write into memory that is too short for it, which may end the process; so a disk that is full, over its quota or
 * read-only is to be found out before, with a write of our own.
 *
 * The file is longer than LMDB knows of, by what a transaction may want. LMDB does not mind.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/** The part of LMDB's statistics that is looked at. */
export interface Statistics {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  /** The tree of free pages. */
  readonly free: {
    readonly treeBranchPageCount: number;
    readonly treeLeafPageCount: number;
    readonly overflowPages: number;
  };
}

/** Pages that a transaction may have, whatever it writes. */
const FEW_PAGES = 64;
/** So many page numbers are in one page of a list of free pages. */
const LISTED = 500;
/** The file is made longer by so many octets at a time. */
const STEP_OCTETS = 256 * 1024;
const ZEROS = Buffer.alloc(64 * 1024);

/** Makes room for a transaction that puts in so many values and octets. Throws a system error when there is none. */
export function makeRoom(path: string, statistics: Statistics, values: number, octets: number): void {
  const { pageSize, lastPageNumber, treeBranchPageCount, treeLeafPageCount, free } = statistics;
  // Each page of the trees may be written anew, and split; of the file's pages each may come to be free.
  const trees = treeBranchPageCount + treeLeafPageCount + free.treeBranchPageCount + free.treeLeafPageCount;
  const added = 2 * values + Math.ceil(octets / pageSize);
  const pages = FEW_PAGES + 2 * (trees + free.overflowPages) + added + Math.ceil(lastPageNumber / LISTED);
  const fd = openSync(path, 'r+');
  try {
    extend(fd, (lastPageNumber + 1 + pages) * pageSize);
  } finally {
    closeSync(fd);
  }
}

function extend(fd: number, octets: number): void {
  const { size } = fstatSync(fd);
  if (size >= octets) {
    // What is behind the last page nobody reads. On a disk that has become read-only, this fails.
    writeSync(fd, ZEROS, 0, 1, size - 1);
    return;
  }
  const end = Math.ceil(octets / STEP_OCTETS) * STEP_OCTETS;
  try {
    for (let at = size; at < end; ) at += writeSync(fd, ZEROS, 0, Math.min(ZEROS.length, end - at), at);
  } catch (error) {
    ftruncateSync(fd, size);
    throw error;
  }
}
