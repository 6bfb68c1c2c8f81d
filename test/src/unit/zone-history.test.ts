/** Which version in git was served with a serial: by the files, and by what commits of the primary say of them. */
import { parseRemote } from '@zonewright/common/git/remote';
import { openStore } from '@zonewright/common/git/store';
import { printRdata } from '@zonewright/common/rr/rdata';
import { TYPE } from '@zonewright/common/rr/type';
import { ZoneHistory } from '@zonewright/primary/repository/zone-history';
import { readUnserved } from '@zonewright/primary/unserved';
import anyTest, { type ExecutionContext } from 'ava';
import { importCommits } from '../support/commits.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { given, nameOf } from '../support/records.ts';

const test = testWith(anyTest, ['git']);
const origin = nameOf('mirage.');

/** A version: its serial, what its TXT record says, and the message of its commit. */
type Version = readonly [serial: number, text: string, message?: string];

const zoneText = (serial: number, text: string): string =>
  `$TTL 60\n@ SOA ns hostmaster ${serial} 3600 600 86400 300\n@ NS ns.other.\n@ TXT ${text}\n`;

/** What was served with a serial: the text of its TXT record, `none` or `several`. */
const served = async (
  t: ExecutionContext,
  versions: readonly Version[],
): Promise<(serial: number) => Promise<string>> => {
  const commits = versions.map(([serial, text, message = 'change'], number) => ({
    parents: number === 0 ? [] : [number - 1],
    time: 1_700_000_000 + number,
    message,
    files: { mirage: zoneText(serial, text) },
  }));
  const { path, oids } = await importCommits(temporaryFolder(t, 'history'), commits);
  const store = given(await openStore(given(parseRemote(path)), {}));
  t.teardown(() => store.close());
  const history = new ZoneHistory(store, origin);
  return async (serial) => {
    const found = given(await history.versionOf(serial, oids.at(-1)!));
    if (found.kind !== 'one') return found.kind;
    return printRdata(TYPE.TXT, found.zone.get(origin, TYPE.TXT)!.rdatas[0]!).replaceAll('"', '');
  };
};

test('a version is found by its serial; one with errors, and one that is not there, is not', async (t) => {
  const of = await served(t, [
    [1, 'a'],
    [2, 'b'],
    [3, '"'],
    [5, 'd'],
  ]);
  t.deepEqual(await Promise.all([1, 2, 3, 4, 5, 6, 0].map(of)), ['a', 'b', 'none', 'none', 'd', 'none', 'none']);
});

test('of two versions with one serial none is taken, unless they say the same', async (t) => {
  const of = await served(t, [
    [1, 'a'],
    [1, 'b'],
    [2, 'c'],
    [2, '"c" ; the same'],
    [3, 'd'],
  ]);
  t.is(await of(1), 'several');
  t.is(await of(2), 'c');
});

test('a version whose serial was raised is not the one that was served with it', async (t) => {
  const raised =
    'mirage: raise the serial\n\nmirage: serial 5 -> 11\n\nZonewright-Unserved: mirage 5\nZonewright-Journal: x 1\n';
  const back = await served(t, [
    [5, 'first'],
    [10, 'b'],
    [5, 'gone back'],
    [11, 'gone back', raised],
    [12, 'c'],
  ]);
  t.is(await back(5), 'first');
  t.is(await back(11), 'gone back');
  const left = await served(t, [
    [4, 'a'],
    [5, 'served'],
    [5, 'left'],
    [11, 'left', raised],
  ]);
  t.is(await left(5), 'served');
  // What an update was served with, a file took.
  const taken = await served(t, [
    [4, 'a'],
    [5, 'of an operator'],
    [11, 'of an operator, and the update', raised],
  ]);
  t.is(await taken(5), 'none');
});

test('serials that went back are looked through to the end', async (t) => {
  const of = await served(t, [
    [5, 'first'],
    [9, 'b'],
    [4, 'c'],
    [5, 'second'],
    [6, 'd'],
    [8, 'e'],
  ]);
  t.is(await of(9), 'b');
  t.is(await of(5), 'second', 'the search ends at an older serial');
  t.is(await of(4), 'c');
});

test('a serial that went back in a file, and was raised, does not end the search', async (t) => {
  const of = await served(t, [
    [13, 'a'],
    [14, 'b'],
    [5, 'c'],
    [15, 'c', 'mirage: raise the serial\n\nZonewright-Unserved: mirage 5\n'],
    [16, 'd'],
  ]);
  t.deepEqual(await Promise.all([13, 14, 5, 15].map(of)), ['a', 'b', 'none', 'c']);
});

test('serials around 2^32 are compared as such', async (t) => {
  const of = await served(t, [
    [4_294_967_290, 'a'],
    [4_294_967_295, 'b'],
    [3, 'c'],
  ]);
  t.deepEqual(await Promise.all([4_294_967_290, 4_294_967_295, 3, 1].map(of)), ['a', 'b', 'c', 'none']);
});

test('what a commit says of a serial is of one file, and stands in lines of its own', (t) => {
  const message = 'x Zonewright-Unserved: mirage 1\nZonewright-Unserved: mirage 2\nZonewright-Unserved: other 3\n';
  t.deepEqual(readUnserved(message, 'mirage'), [2]);
  t.deepEqual(readUnserved(message, 'other'), [3]);
  t.deepEqual(readUnserved('nothing', 'mirage'), []);
});
