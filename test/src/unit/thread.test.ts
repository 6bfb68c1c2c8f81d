/** `service/thread.ts`: threads that are begun before there is anything for them to do. */
import { spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { beginThreads, endOfThread, startThread, type ThreadKind } from '@zonewright/common/service/thread';
import test from 'ava';

const MODULE = new URL('../support/echo-thread.js', import.meta.url);
const echo = (): ThreadKind => ({ module: MODULE, name: 'echo', young: 2 });

interface Said {
  readonly threadId: number;
  readonly data: unknown;
}

const heard = async (worker: Worker): Promise<Said> => ((await once(worker, 'message')) as [Said])[0];

test('a thread that was begun is the one that is started, and gets its data then', async (t) => {
  const kind = echo();
  beginThreads(kind, 2);
  const started = [1, 2, 3].map((data) => startThread(kind, { data }));
  const said = await Promise.all(started.map(heard));
  t.deepEqual(
    said.map(({ data }) => data),
    [{ data: 1 }, { data: 2 }, { data: 3 }],
  );
  const [first, second, third] = said.map(({ threadId }) => threadId);
  t.is(second! - first!, 1);
  t.true(third! > second!);
});

test('a thread of another kind is not taken, though it runs the same', async (t) => {
  const [begun, other] = [echo(), echo()];
  beginThreads(begun);
  const asked = await heard(startThread(other, 'other'));
  const taken = await heard(startThread(begun, 'begun'));
  t.true(taken.threadId < asked.threadId);
});

test('one that has died before it is asked for is not given: whoever asks gets another, and its fault', async (t) => {
  const kind: ThreadKind = { module: new URL('./no-such-thread.js', import.meta.url), name: 'broken' };
  beginThreads(kind);
  for (let i = 0; i < 2; i++) {
    const [fault] = await once(startThread(kind, i), 'error');
    t.regex(String(fault), /no-such-thread/);
  }
});

test('the end of a thread is seen also where its fault and its end come in one turn', async (t) => {
  const worker = new EventEmitter();
  const ended = endOfThread(worker as Worker);
  const fault = new Error('broken');
  worker.emit('error', fault);
  worker.emit('exit', 1);
  t.is(await ended, fault);
});

test('one that nobody asks for does not hold the process', (t) => {
  const thread = import.meta.resolve('@zonewright/common/service/thread');
  const program = `const { beginThreads } = await import(${JSON.stringify(thread)});
    beginThreads({ module: new URL(${JSON.stringify(MODULE.href)}), name: 'echo' });`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 60_000 });
  t.is(status, 0, stderr.toString());
});
