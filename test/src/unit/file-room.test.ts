/** Updates that would make a zone file larger than anybody reads: refused before they are acknowledged, in all states of a file. */
import { GitRepository } from '@zonewright/primary/repository/git-repository';
import test from 'ava';
import { FakeJournal } from '../support/fake-journal.ts';
import { fileText, PEER, removal, restart, startWorld, update, worldOf } from '../support/fake-primary.ts';
import { FakeStore } from '../support/fake-store.ts';
import { until } from '../support/until.ts';

const MOST = 3000;
const line = (name: string): string => `${name} 60 TXT ${'x'.repeat(200)}`;
const FULL = { rcode: 5, ede: { code: 0 } } as const;

for (const ack of ['journal', 'push'] as const)
  test(`what would make a file too large is refused, and what deletes is not: ack ${ack}`, async (t) => {
    const world = await startWorld({ example: fileText(1) }, { ack, mostFileOctets: MOST });
    const { store, primary, has, written } = world;
    const names = Array.from({ length: 30 }, (_, i) => `n${i}`);
    const verdicts = await Promise.all(names.map((name) => primary.update(update(line(name)), PEER)));
    const taken = names.filter((_, i) => verdicts[i]!.rcode === 0);
    const left = names.filter((_, i) => verdicts[i]!.rcode !== 0);
    t.true(taken.length > 5 && left.length > 5, `${taken.length}`);
    for (const [i, name] of names.entries()) if (left.includes(name)) t.like(verdicts[i], FULL);
    t.regex(verdicts.at(-1)!.ede!.text, /octets/);
    t.false(left.some(has));
    await written();
    t.true(store.text('example').length <= MOST);
    for (const name of taken) t.true(store.text('example').includes(`${name} `), name);
    // What the file really has counts once it is written: some more, and then none.
    let more = 0;
    for (; more < 10; more++) if ((await primary.update(update(line(`m${more}`)), PEER)).rcode !== 0) break;
    t.true(more < 10);
    t.like(await primary.update(removal(taken[0]!), PEER), { rcode: 0 });
    t.like(await primary.update(removal(taken[1]!), PEER), { rcode: 0 });
    await written();
    t.like(await primary.update(update(line('again')), PEER), { rcode: 0 });
    await written();
    t.true(store.text('example').length <= MOST);
  });

test('what is open counts while the remote is away, over a restart, and where the file is broken', async (t) => {
  const settings = { mostFileOctets: MOST };
  const world = await startWorld({ example: fileText(1) }, settings);
  world.store.isUnreachable = true;
  const fill = async ({ primary }: typeof world, prefix: string): Promise<number> => {
    for (let i = 0; i < 30; i++) if ((await primary.update(update(line(`${prefix}${i}`)), PEER)).rcode !== 0) return i;
    return 30;
  };
  const count = await fill(world, 'a');
  t.true(count > 5 && count < 30, `${count}`);
  await world.primary.close(0);
  const again = await restart(world, settings);
  const after = await fill(again, 'b');
  t.true(after <= 1, `${after}`);
  world.store.isUnreachable = false;
  t.true((await again.primary.pull()).ok);
  await again.written();
  again.store.pushElsewhere({ example: `${again.store.text('example')}bad 60 A nothing\n` });
  t.true((await again.primary.pull()).ok);
  const broken = await fill(again, 'c');
  t.true(broken <= 3, `${broken}`);
  t.like(await again.primary.update(removal('a0'), PEER), { rcode: 0 });
});

test('what makes a file too large all the same is kept and never pushed, and is written once it fits', async (t) => {
  const store = new FakeStore({ example: fileText(1) });
  const world = worldOf(store, new FakeJournal(), { repository: new GitRepository(store, MOST) });
  t.true((await world.primary.loadKnown()).ok);
  t.true((await world.primary.pull()).ok);
  for (let i = 0; i < 14; i++) t.is((await world.primary.update(update(line(`n${i}`)), PEER)).rcode, 0);
  await until(() => world.events.includes('write.refused'), { what: 'the file is refused' });
  t.true(store.text('example').length <= MOST);
  for (let i = 0; i < 8; i++) t.is((await world.primary.update(removal(`n${i}`), PEER)).rcode, 0);
  await world.written();
  t.true(store.text('example').includes('n13 ') && store.text('example').length <= MOST);
});
