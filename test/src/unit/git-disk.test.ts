/** Disks that take nothing, under a repository or another folder of a service: what is said of them. */
import { spawnSync } from 'node:child_process';
import { EXIT } from '@zonewright/common/service/exit';
import anyTest from 'ava';
import { missing, testUnless } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { root, tool } from '../support/zonewright.ts';

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

const SECRET = Buffer.alloc(32, 1).toString('base64');
const key = (name: string): string => `${name}:SHA256:${SECRET}`;
const testOfProc = testUnless(anyTest, process.platform === 'linux' ? undefined : 'needs /proc');

/** Where a folder below /proc stands in the flags of each service, and what it ends with. */
const SERVICES: readonly (readonly [flags: readonly string[], where: '--data' | '--dir', code: number])[] = [
  [['primary', '--listen', '127.0.0.1', '--remote', 'git://127.0.0.1/zones'], '--data', EXIT.usage],
  [['secondary', '--listen', '127.0.0.2', '--keys', key('127.0.0.1.127.0.0.2._transfer.mirage')], '--data', EXIT.usage],
  [
    [
      ...['letsencrypt', '--dns-server', '127.0.0.1', '--dns-key', key('le._update')],
      ...['--directory', 'https://127.0.0.1:1/dir', '--account-key-seed', SECRET],
    ],
    '--data',
    EXIT.usage,
  ],
  [['start'], '--dir', EXIT.refused],
];

for (const [flags, where, code] of SERVICES) {
  testOfProc(
    `zonewright ${flags[0]} says of a folder that nothing can be made in that it may not use it`,
    async (t) => {
      const port = String(await freePort());
      const ran = await tool('zonewright', [...flags, '--port', port, where, '/proc/nope'], { timeout: 60_000 });
      t.is(ran.code, code, ran.stderr);
      t.regex(ran.stderr, /\/proc\/nope.*EPERM|EPERM.*\/proc\/nope/);
    },
  );
}
