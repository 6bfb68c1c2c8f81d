/**
 * A disk under `--data` that gets full, or takes no more at all, under load: queries are answered throughout, updates get SERVFAIL with
 * the reason, and all goes on by itself once the disk is right again. A file system cannot be made read-only while a file is open to be
 * written to; to a process, a limit of nothing for its files is much the same.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseKey } from '@zonewright/common/authority/key';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS, extendedErrorText } from '@zonewright/common/wire/edns';
import { emptyMessage } from '@zonewright/common/wire/message';
import anyTest, { type ExecutionContext } from 'ava';
import { startGitDaemon } from '../support/git-peers.ts';
import { missing, testUnless } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf } from '../support/records.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { PRIMARY, type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { updateRecordOf } from '../support/update-text.ts';

const secrecy = secrecyOf(anyTest);
const admin = secrecy.newKey('admin._update');
const key = given(parseKey(admin));

const absent = missing('git', 'dig', 'unshare', 'prlimit');
const isRoot = process.getuid?.() === 0;
const namespace = isRoot ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
const canMount = absent === undefined && spawnSync('unshare', [...namespace, 'true']).status === 0;
const test = testUnless(anyTest, canMount ? undefined : 'needs mounts, which this machine forbids');

/** Octets of the disk, which is a file system of its own. */
const DISK = '16m';
/** Of which a few fill the room that a journal has made for itself. */
const LONG = Array(40)
  .fill(`"${'x'.repeat(250)}"`)
  .join(' ');
const origin = nameOf('mirage.');
/** Milliseconds within which a busy machine answers: what comes later counts as silence. */
const PATIENCE = 30_000;

interface Setting {
  readonly repository: Repository;
  readonly primary: Scene;
  readonly http: number;
  /** The folder of `--data`, as it is seen from here. */
  readonly data: string;
  /** Of any file that is written to, in octets. */
  limitFiles(octets: '0' | 'unlimited'): void;
}

const setUp = async (t: ExecutionContext<unknown>): Promise<Setting> => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const folder = temporaryFolder(t, 'disk');
  const http = await freePort(PRIMARY);
  const flags = ['--remote', `git://127.0.0.1:${peer.port}/zones.git`, '--data', folder, '--http', `${http}`];
  const script = `mount -t tmpfs -o size=${DISK} none "$1" && shift && exec "$@"`;
  const primary = await startScene(t, secrecy, 'primary', flags, {
    port: await freePort(PRIMARY),
    within: {
      enter: (command, args) => ['unshare', [...namespace, 'sh', '-c', script, 'sh', folder, command, ...args]],
    },
  });
  const { pid } = primary.service;
  const limitFiles = (octets: string): void => {
    const { status, stderr } = spawnSync('prlimit', ['--pid', `${pid}`, `--fsize=${octets}:unlimited`]);
    if (status !== 0) throw new Error(String(stderr));
  };
  return { repository, primary, http, data: `/proc/${pid}/root${folder}`, limitFiles };
};

/** RCODE of an update that adds an address and a long text to `name`, and what is said with it. */
const add = async ({ address, port }: Scene, name: string): Promise<string> => {
  const reply = await exchange({
    server: { address, port },
    key,
    timeout: PATIENCE,
    message: {
      ...emptyMessage(0, OPCODE.UPDATE),
      questions: [{ name: origin, type: TYPE.SOA, class: CLASS.IN }],
      authorities: [`add ${name} 60 A 192.0.2.9`, `add ${name} 60 TXT ${LONG}`].map((line) =>
        updateRecordOf(line, origin),
      ),
      edns: BARE_EDNS,
    },
  });
  return reply.ok
    ? `${printRcode(reply.value.rcode)} ${extendedErrorText(reply.value.edns) ?? ''}`.trim()
    : reply.fault.what;
};

/** Updates and queries one after the other until told to stop; gives the names that were acknowledged, and what else was said. */
const load = (
  primary: Scene,
): (() => Promise<{ done: readonly string[]; said: ReadonlySet<string>; silent: number }>) => {
  const done: string[] = [];
  const said = new Set<string>();
  let silent = 0;
  let isOver = false;
  const updating = (async () => {
    for (let n = 0; !isOver; n++) {
      const answer = await add(primary, `n${n}`);
      if (answer === printRcode(RCODE.NOERROR)) done.push(`n${n}`);
      else said.add(answer.replace(/\/.*\//, ''));
      await pause(5);
    }
  })();
  const asking = (async () => {
    while (!isOver) {
      const { address, port } = primary;
      const question = { name: nameOf('ns.mirage.'), type: TYPE.A, class: CLASS.IN };
      const message = { ...emptyMessage(0, OPCODE.QUERY), questions: [question] };
      const reply = await exchange({ server: { address, port }, message, tries: 1 });
      if (!reply.ok || reply.value.rcode !== RCODE.NOERROR) silent++;
      await pause(5);
    }
  })();
  return async () => {
    isOver = true;
    await Promise.all([updating, asking]);
    return { done, said, silent };
  };
};

interface Trouble {
  readonly what: string;
  begin(setting: Setting): void;
  end(setting: Setting): void;
  readonly says: RegExp;
}

const TROUBLES: readonly Trouble[] = [
  {
    what: 'is full',
    begin: ({ data }) => {
      // Up to the last octet.
      for (let size = 1 << 20; size >= 1; size >>= 1)
        for (let n = 0; ; n++) {
          try {
            writeFileSync(join(data, `fill-${size}-${n}`), Buffer.alloc(size));
          } catch {
            rmSync(join(data, `fill-${size}-${n}`), { force: true });
            break;
          }
          if (size === 1) break;
        }
    },
    end: ({ data }) => {
      for (let size = 1 << 20; size >= 1; size >>= 1)
        for (let n = 0; n < 32; n++) rmSync(join(data, `fill-${size}-${n}`), { force: true });
    },
    says: /ENOSPC/,
  },
  {
    what: 'takes nothing',
    begin: ({ limitFiles }) => limitFiles('0'),
    end: ({ limitFiles }) => limitFiles('unlimited'),
    says: /EFBIG/,
  },
];

for (const { what, begin, end, says } of TROUBLES)
  test(`a disk under --data that ${what} for a while makes updates fail with the reason, and nothing else`, async (t) => {
    const setting = await setUp(t);
    const { repository, primary, http } = setting;
    const stop = load(primary);
    await primary.service.waitForEvent('commit.pushed');
    begin(setting);
    await primary.service.waitForEvent('journal.failed');
    // A commit of others cannot be taken in, and what is served stays.
    await repository.push((read) => ({ mirage: `${read('mirage')}theirs A 192.0.2.1\n` }));
    primary.service.signal('SIGHUP');
    const failed = await primary.service.waitForEvent('pull.failed');
    t.regex(String(failed.message), says);
    t.regex(await add(primary, 'x'), new RegExp(`^SERVFAIL the journal cannot be written: .*${says.source}`));
    const status = (await (await fetch(`http://127.0.0.1:${http}/status`)).json()) as { remote?: { what: string } };
    t.regex(status.remote?.what ?? '', says);
    t.is((await fetch(`http://127.0.0.1:${http}/ready`)).status, 200);

    const from = primary.service.lines.length;
    end(setting);
    await primary.service.waitForEvent('update.accepted', {}, { from });
    primary.service.signal('SIGHUP');
    await primary.shows('NOERROR 192.0.2.1', 'theirs.mirage');
    const { done, said, silent } = await stop();
    t.is(silent, 0, 'each query was answered');
    for (const answer of said) t.regex(answer, new RegExp(`^SERVFAIL the journal cannot be written: .*${says.source}`));
    t.true(done.length > 0 && said.size > 0);
    const text = await until(() => repository.read('mirage'), {
      what: 'all is in the file',
      holds: (file) => done.every((name) => new RegExp(`^${name}\\b`, 'm').test(file)),
    });
    t.regex(text, /^theirs\b/m);
    t.is(primary.service.exit, undefined);
    t.false(/process\.fault|loader\.died|update\.dropped/.test(primary.service.text()));
  });
