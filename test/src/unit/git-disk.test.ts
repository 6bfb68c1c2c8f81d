/** Disks that take nothing, under a repository: what is said of them. */
import { spawnSync } from 'node:child_process';
import anyTest from 'ava';
import { missing, testUnless } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { root } from '../support/zonewright.ts';

const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
const canMount = missing('unshare') === undefined && spawnSync('unshare', [...namespace, 'true']).status === 0;
const test = testUnless(anyTest, canMount ? undefined : 'needs mounts, which this machine forbids');

const PROGRAM = `
  import { settle } from '@zonewright/common/git/fault';
  import { makeFolder, writeDurably } from '@zonewright/common/git/durable';
  const folder = process.env.FOLDER;
  const works = [() => writeDurably(folder + '/fe/object', Buffer.alloc(1 << 20)), () => makeFolder(folder + '/fe/more')];
  for (const work of works) console.log(JSON.stringify((await settle(work)).fault ?? 'done'));
`;

const faults = (folder: string, mount: string): readonly string[] => {
  const script = `${mount} && exec "$NODE" --input-type=module --eval "$PROGRAM"`;
  const ran = spawnSync('unshare', [...namespace, 'sh', '-c', script], {
    cwd: root,
    env: { ...process.env, FOLDER: folder, NODE: process.execPath, PROGRAM },
    encoding: 'utf8',
  });
  return ran.stdout.replaceAll(folder, 'FOLDER').trim().split('\n').concat(ran.stderr.trim()).filter(Boolean);
};

test('a read-only disk under a repository is a disk that fails, not a repository that is damaged', (t) => {
  const readOnly = 'mount --bind "$FOLDER" "$FOLDER" && mount -o remount,bind,ro "$FOLDER"';
  const what = (path: string): string =>
    JSON.stringify({ kind: 'unreachable', what: `the disk failed (EROFS: mkdir ${path})` });
  t.deepEqual(faults(temporaryFolder(t, 'disk'), readOnly), [what('FOLDER/fe'), what('FOLDER/fe')]);
});

test('of a disk that is full the file is named that finds no place', (t) => {
  const [written, made] = faults(temporaryFolder(t, 'disk'), 'mount -t tmpfs -o size=64k none "$FOLDER"');
  t.regex(written ?? '', /the disk failed \(ENOSPC: write FOLDER\/fe\/tmp_[0-9a-f]+\)/);
  t.is(made, '"done"');
});
