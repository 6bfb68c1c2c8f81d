/** What a large zone costs in memory, measured in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const MEBIBYTE = 2 ** 20;

test('one million A records load into less than 150 MB of resident memory, the file and all that loading needs included', async (t) => {
  const program = fileURLToPath(new URL('../support/million.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  const { records, findings, file, before, most, milliseconds } = JSON.parse(stdout);
  t.is(records, 1_000_003);
  t.is(findings, 0);
  const used = most - before + file;
  t.log(
    `${(used / MEBIBYTE).toFixed(0)} MiB, of which the file is ${(file / MEBIBYTE).toFixed(0)}; ${milliseconds} ms`,
  );
  t.true(used < 150e6, `${used} octets`);
});

test('a zone that is transferred does not fill the heap, also where every name comes a second time', async (t) => {
  const program = fileURLToPath(new URL('../support/whole-transfer.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=32', program]);
  const last = [99_999, 199_999].map((i) => [10, i >> 16, (i >> 8) & 255, i & 255]);
  t.deepEqual(JSON.parse(stdout), { records: 200_001, last });
});

for (const way of ['auto', 'portable'])
  test(`a zone that is loaded again and again does not stay in threads that allocate nothing (${way})`, async (t) => {
    const program = fileURLToPath(new URL('../support/reloads.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, way]);
    const { added, images } = JSON.parse(stdout);
    t.log(`${(added / MEBIBYTE).toFixed(0)} MiB of ${(images / MEBIBYTE).toFixed(0)}`);
    t.true(added < images / 2, `${added} octets of ${images}`);
  });
