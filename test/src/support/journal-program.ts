/**
 * A process with a journal, for tests that kill it: `journal-program.js FOLDER WHAT`. It says on standard output, a line each, what it
 * has got, with writes that are over when they return.
 *
 * `hold` opens the journal and keeps it. `write` also writes pairs of entries without end, several at a time; each line is a
 * position that is on the disk. `fill` writes until there is a fault, empties the journal, and writes again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { openJournal } from '@zonewright/primary/journal/database';
import type { Journal } from '@zonewright/primary/journal/journal';
import { deltaAt, mirage, pairAt, updateAt } from './journal.ts';

/** To a pipe: synchronous on POSIX systems. */
const say = (what: string | number): void => void process.stdout.write(`${what}\n`);

/** Writes at a time. */
const AT_ONCE = 5;

const actions: Readonly<Record<string, (journal: Journal) => Promise<void>>> = {
  hold: () => pause(600_000),
  write: async (journal) => {
    let position = journal.kept.position;
    const one = async (): Promise<void> => {
      for (;;) {
        position += 2;
        const own = position;
        const written = await journal.write(pairAt(own));
        if (!written.ok) throw new Error(written.fault.what);
        say(own);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  },
  fill: async (journal) => {
    let position = 0;
    for (;;) {
      const next = position + 1;
      const written = await journal.write({ entries: [updateAt(next)], deltas: [deltaAt(next, 100)] });
      if (!written.ok) {
        say(written.fault.kind);
        break;
      }
      position = next;
    }
    const again = await journal.write({ entries: [updateAt(position + 1)], deltas: [deltaAt(position + 1, 100)] });
    say(again.ok ? 'written' : again.fault.kind);
    const closed = Array.from({ length: position }, (_, i) => i + 1);
    const emptied = await journal.write({ closed, withdrawn: [mirage] });
    say(emptied.ok ? 'emptied' : emptied.fault.kind);
    const last = await journal.write({ entries: [updateAt(position + 1)] });
    say(last.ok ? `last ${position + 1}` : last.fault.kind);
    await journal.close();
  },
};

const [, , folder, what] = process.argv as unknown as readonly string[];
const journal = await openJournal(folder!);
if (!journal.ok) {
  say(journal.fault.what);
} else {
  say('open');
  await actions[what!]!(journal.value);
}
