/** What the ACME secondary remembers: in memory, on the disk, over a restart, a full disk and a damaged file. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok } from '@zonewright/common/result';
import type { Log } from '@zonewright/common/service/log';
import { type Json, State, type StateEntry, type StateStore } from '@zonewright/letsencrypt/state';
import { openState } from '@zonewright/letsencrypt/state-store';
import test from 'ava';
import { temporaryFolder } from '../support/owner.ts';

const logTo = (events: string[]): Log => {
  const say = (event: string): void => void events.push(event);
  const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
  return log;
};

const text = (value: Json): string | undefined => (typeof value === 'string' ? value : undefined);

const opened = async (folder: string): Promise<StateStore> => {
  const state = await openState(folder);
  if (!state.ok) throw new Error(state.fault.what);
  return state.value.store;
};

test('without a store, what is remembered is there until the end', async (t) => {
  const table = new State(logTo([])).table('name', text);
  await table.set('a', 'one');
  await table.set('b', 'two');
  await table.delete('b');
  t.deepEqual([...table.entries()], [['a', 'one']]);
});

test('what was remembered is there after a restart, by kind; what a table cannot read is not', async (t) => {
  const folder = temporaryFolder(t);
  const before = new State(logTo([]), await opened(folder));
  const names = before.table('name', text);
  void names.set('a', 'one');
  void names.set('b', 'two');
  void names.set('a', 'three');
  await before.table('other', text).set('a', 'four');
  await before.table<Json>('odd', (value) => value).set('a', { not: ['a', 'text'] });
  void names.delete('b');
  void names.set('long', 'x'.repeat(2_000_000));
  await before.close();

  const after = new State(logTo([]), await opened(folder));
  t.deepEqual([...after.table('name', text).entries()], [['a', 'three']]);
  t.is(after.table('other', text).get('a'), 'four');
  t.is(after.table('odd', text).get('a'), undefined);
  await after.close();
  t.is(statSync(join(folder, 'state.mdb')).mode & 0o777, 0o600);
});

test('a second process does not get the folder of the first', async (t) => {
  const folder = temporaryFolder(t);
  const first = await opened(folder);
  const second = await openState(folder);
  t.is(second.ok ? 'open' : second.fault.kind, 'usage');
  await first.close();
  await (await opened(folder)).close();
});

test('a damaged state is laid aside, and another one made', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'state.mdb');
  await (await opened(folder)).close();
  const octets = readFileSync(file).fill(0xff, 16, 200);
  writeFileSync(file, octets);
  const state = await openState(folder);
  if (!state.ok) return t.fail(state.fault.what);
  t.is(state.value.damaged, `${file}.damaged`);
  t.deepEqual(readFileSync(`${file}.damaged`), octets);
  t.deepEqual(state.value.store.kept, []);
  await state.value.store.close();
});

test('what could not be written is remembered all the same, said, and written with what comes next', async (t) => {
  const written: StateEntry[][] = [];
  let isFull = true;
  const store: StateStore = {
    kept: [],
    write: async (entries) => {
      if (isFull) return fail({ kind: 'disk', what: 'full' });
      written.push([...entries]);
      return ok(undefined);
    },
    close: async () => undefined,
  };
  const events: string[] = [];
  const table = new State(logTo(events), store).table('name', text);
  await table.set('a', 'one');
  t.is(table.get('a'), 'one');
  t.deepEqual(events, ['state.fault']);
  isFull = false;
  await table.set('b', 'two');
  t.deepEqual(
    written.map((entries) => entries.map(({ key, value }) => [key, value])),
    [
      [
        ['a', 'one'],
        ['b', 'two'],
      ],
    ],
  );
});
