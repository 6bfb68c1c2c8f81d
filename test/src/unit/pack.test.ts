/**
 * Packs: those that git makes are read and indexed as git does it, and those that nobody should make end in a fault.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { makeDelta } from '@zonewright/common/git/delta';
import { Failure } from '@zonewright/common/git/fault';
import { objectName } from '@zonewright/common/git/object';
import { ObjectStore } from '@zonewright/common/git/objects';
import { Pack } from '@zonewright/common/git/pack';
import { PackCache } from '@zonewright/common/git/pack-cache';
import { receivePack } from '@zonewright/common/git/received-pack';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { gitEnvironment } from '../support/git-peers.ts';
import { needed, testWith } from '../support/needs.ts';

const LIMIT = 64 * 1024 * 1024;
let root: string;
let history: History;

interface History {
  readonly path: string;
  /** All objects. */
  readonly oids: readonly string[];
  /** The one pack, without `.pack`. */
  readonly pack: string;
}

const git = (path: string, args: readonly string[], input?: Uint8Array | string): Buffer =>
  execFileSync(needed('git'), args, {
    cwd: path,
    env: gitEnvironment,
    maxBuffer: LIMIT,
    stdio: ['pipe', 'pipe', 'ignore'],
    ...(input === undefined ? {} : { input }),
  });

const words = (octets: Buffer): string[] => octets.toString().split(/\s+/).filter(Boolean);

/** A repository of one pack: a file with a line more in each commit, many that are alike, and one that does not shrink. */
function makeHistory(): History {
  const path = join(root, 'history.git');
  mkdirSync(path);
  git(path, ['init', '-q', '--bare']);
  const stream: Buffer[] = [];
  const add = (...parts: readonly (string | Uint8Array)[]): void => {
    for (const part of parts) stream.push(Buffer.from(part));
  };
  const file = (name: string, content: Uint8Array): void =>
    add(`M 100644 inline ${name}\ndata ${content.length}\n`, content, '\n');
  const template = noise(600).toString('base64');
  let long = noise(120_000)
    .toString('base64')
    .replace(/(.{60})/g, '$1\n');
  for (let round = 0; round < 60; round++) {
    add(`commit refs/heads/main\ncommitter x <x@example.org> ${1_700_000_000 + round} +0000\ndata 1\n.\n`);
    if (round === 0) {
      file('noise', noise(200_000));
      for (let at = 0; at < 300; at++) file(`zone${at}`, Buffer.from(`${template}\nzone ${at}\n`));
    }
    long = long.replace(/\n/, `\nline ${round}\n`);
    file('long', Buffer.from(long));
  }
  git(path, ['fast-import', '--quiet'], Buffer.concat(stream));
  git(path, ['repack', '-adfq', '--depth=50', '--window=20']);
  const packs = readdirSync(join(path, 'objects', 'pack')).filter((name) => name.endsWith('.pack'));
  return {
    path,
    oids: words(git(path, ['cat-file', '--batch-all-objects', '--batch-check=%(objectname)'])),
    pack: join(path, 'objects', 'pack', packs[0]!.slice(0, -'.pack'.length)),
  };
}

/** Octets that cannot be compressed, and are the same in each run. */
function noise(length: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at * 32 < length; at++) parts.push(createHash('sha256').update(`${length} ${at}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

test.before(async () => {
  root = await mkdtemp(join(tmpdir(), 'zonewright-test-'));
  try {
    needed('git');
  } catch {
    return;
  }
  history = makeHistory();
});

test.after.always(() => rm(root, { recursive: true, force: true }));

const failureOf = (t: ExecutionContext, error: unknown): Failure => {
  if (error instanceof Failure) return error;
  t.log(error);
  throw error;
};

async function* pieces(octets: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

/** Takes a pack into an empty folder of objects. */
async function receive(octets: Uint8Array, size = 65_536): Promise<string> {
  const folder = join(await mkdtemp(join(root, 'received-')), 'objects');
  const pack = await receivePack(folder, pieces(octets, size));
  try {
    await pack.accept();
  } finally {
    await pack.close();
  }
  return folder;
}

// ---- reading --------------------------------------------------------------------------------------------------------

testWith(test, ['git'])('an object of a pack that is larger than is read is named, be it whole or a delta', (t) => {
  const objects = new ObjectStore(history.path);
  t.teardown(() => objects.close());
  const sizes = git(history.path, ['cat-file', '--batch-check=%(objectname) %(objectsize)', '--batch-all-objects']);
  const large = sizes
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.split(' ') as [string, string]);
  const found = large.filter(([, size]) => Number(size) > 10_000);
  t.true(found.length > 20);
  for (const [oid] of found)
    t.is(t.throws(() => objects.read(oid, 10_000)).message, `the object ${oid} is larger than 10000 octets`);
});

testWith(test, ['git'])('chains of deltas that git made are read, whatever is kept of them and in any order', (t) => {
  const depths = git(history.path, ['cat-file', '--batch-check=%(deltabase)', '--batch-all-objects']);
  t.true(words(depths).filter((base) => !/^0+$/.test(base)).length > 100, 'there are deltas');
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 2000, 50_000, 400_000, LIMIT),
      fc.shuffledSubarray([...history.oids], { minLength: history.oids.length }),
      (limit, oids) => {
        const pack = Pack.open(`${history.pack}.idx`, new PackCache(limit));
        try {
          for (const oid of oids) {
            const { type, content } = pack.read(pack.find(Buffer.from(oid, 'hex'))!, LIMIT);
            if (objectName(type, content) !== oid) t.fail(oid);
          }
        } finally {
          pack.close();
        }
      },
    ),
    { numRuns: 20 },
  );
  t.pass();
});

testWith(test, ['git'])('two packs that are read by turns do not mix', (t) => {
  const cache = new PackCache();
  const other = join(root, 'other');
  const some = history.oids.filter((_, at) => at % 3 === 0);
  git(history.path, ['pack-objects', '-q', '--no-reuse-delta', other], `${some.join('\n')}\n`);
  const name = readdirSync(root).find((file) => file.startsWith('other-') && file.endsWith('.idx'))!;
  const packs = [Pack.open(`${history.pack}.idx`, cache), Pack.open(join(root, name), cache)];
  t.teardown(() => {
    for (const pack of packs) pack.close();
  });
  for (const oid of some) {
    for (const pack of packs) {
      const { type, content } = pack.read(pack.find(Buffer.from(oid, 'hex'))!, LIMIT);
      t.is(objectName(type, content), oid);
    }
  }
});

testWith(test, ['git'])('a file within the limit is read, also where it is made from a larger one', (t) => {
  const store = new ObjectStore(history.path);
  t.teardown(() => store.close());
  const lines = git(history.path, [
    'cat-file',
    '--batch-all-objects',
    '--batch-check=%(objectname) %(objectsize) %(deltabase)',
  ]);
  const objects = lines
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const sizes = new Map(objects.map(([oid, size]) => [oid!, Number(size)]));
  const smaller = objects.find(([, size, base]) => Number(size) > 100_000 && Number(size) < (sizes.get(base!) ?? 0))!;
  const [oid, size] = [smaller[0]!, Number(smaller[1])];
  t.is(store.read(oid, size).content.length, size);
  t.is(
    failureOf(
      t,
      t.throws(() => store.read(oid, size - 1)),
    ).fault.kind,
    'limit',
  );
});

// ---- receiving ------------------------------------------------------------------------------------------------------

for (const kind of ['--delta-base-offset', '--no-delta-base-offset']) {
  testWith(test, ['git'])(`the index of a received pack is the one that git makes (${kind})`, async (t) => {
    const octets = git(history.path, ['pack-objects', '-q', '--stdout', '--all', kind]);
    const name = octets.subarray(-20).toString('hex');
    const theirs = join(await mkdtemp(join(root, 'index-')), 'x.pack');
    await writeFile(theirs, octets);
    git(root, ['index-pack', theirs]);
    for (const size of [octets.length, 65_515, 1000, 19]) {
      const folder = await receive(octets, size);
      t.deepEqual(readdirSync(join(folder, 'pack')).sort(), [`pack-${name}.idx`, `pack-${name}.pack`]);
      t.true(
        readFileSync(join(folder, 'pack', `pack-${name}.idx`)).equals(readFileSync(theirs.replace(/pack$/, 'idx'))),
      );
      const store = new ObjectStore(join(folder, '..'));
      for (const oid of history.oids) t.is(store.read(oid, LIMIT).content.length >= 0, true);
      store.close();
    }
  });
}

/** A pack of entries as they stand in it, with a right checksum. */
function packOf(...entries: readonly Uint8Array[]): Buffer {
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(entries.length, 8);
  const octets = Buffer.concat([header, ...entries]);
  return Buffer.concat([octets, createHash('sha1').update(octets).digest()]);
}

const KINDS = { blob: 3, ofs: 6, ref: 7 } as const;

/** An entry of a pack. `base`: what stands between its header and its zlib stream. */
function entry(kind: keyof typeof KINDS, content: Uint8Array, base = Buffer.alloc(0), size = content.length): Buffer {
  const octets = [(KINDS[kind] << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    octets[octets.length - 1]! |= 0x80;
    octets.push(rest & 0x7f);
  }
  return Buffer.concat([Uint8Array.from(octets), base, deflateSync(content)]);
}

const text = Buffer.from('a zone\n'.repeat(40));
const textName = Buffer.from(objectName('blob', text), 'hex');

test('a small pack is taken apart, also where a delta stands before what it is made from', async (t) => {
  const edited = Buffer.concat([text, Buffer.from('!')]);
  const folder = await receive(packOf(entry('ref', makeDelta(text, edited), textName), entry('blob', text)));
  t.deepEqual(readdirSync(join(folder, 'pack')), []);
  const store = new ObjectStore(join(folder, '..'));
  t.deepEqual(Buffer.from(store.read(objectName('blob', edited), LIMIT).content), edited);
  t.deepEqual(Buffer.from(store.read(objectName('blob', text), LIMIT).content), text);
});

test('no pack at all, and one without objects, add nothing', async (t) => {
  for (const octets of [Buffer.alloc(0), packOf()]) {
    const folder = await receive(octets);
    t.deepEqual(readdirSync(join(folder, 'pack')), []);
  }
});

test('packs that nobody should make are faults, and leave nothing behind', async (t) => {
  const blob = entry('blob', text);
  const delta = makeDelta(text, Buffer.concat([text, text]));
  const claims = entry('blob', text, undefined, 2 ** 31);
  const packs: Record<string, [Uint8Array, 'corrupt' | 'limit']> = {
    'no pack': [Buffer.from('hello, this is the wrong service'), 'corrupt'],
    'too short': [Buffer.from('PACK'), 'corrupt'],
    'wrong checksum': [Buffer.concat([packOf(blob).subarray(0, -1), Buffer.of(0)]), 'corrupt'],
    'another version': [resum(packOf(blob), (octets) => octets.writeUInt32BE(3, 4)), 'corrupt'],
    'fewer objects than it says': [resum(packOf(blob), (octets) => octets.writeUInt32BE(2, 8)), 'corrupt'],
    'more objects than it says': [resum(packOf(blob, blob), (octets) => octets.writeUInt32BE(1, 8)), 'corrupt'],
    'more objects than can be': [resum(packOf(blob), (octets) => octets.writeUInt32BE(0xffffffff, 8)), 'limit'],
    'an object that is cut off': [packOf(blob.subarray(0, -10)), 'corrupt'],
    'an object that is shorter than it says': [packOf(entry('blob', text, undefined, text.length + 1)), 'corrupt'],
    'an object that is longer than it says': [packOf(entry('blob', text, undefined, text.length - 1)), 'corrupt'],
    'an object that says it is huge': [packOf(claims), 'limit'],
    'a size without end': [packOf(Buffer.alloc(60, 0xff)), 'corrupt'],
    'a delta of something that is not there': [packOf(entry('ref', delta, Buffer.alloc(20, 1))), 'corrupt'],
    'deltas of each other': [packOf(entry('ref', delta, textName), entry('ref', delta, textName)), 'corrupt'],
    'a delta of what stands before the pack': [packOf(entry('ofs', delta, Buffer.of(0x60))), 'corrupt'],
    'a delta of the middle of an object': [packOf(blob, entry('ofs', delta, Buffer.of(3))), 'corrupt'],
    'a delta of itself': [packOf(blob, entry('ofs', delta, Buffer.of(0))), 'corrupt'],
    'a delta that makes more than can be': [packOf(blob, entry('ofs', bomb(), Buffer.of(blob.length))), 'limit'],
    'a kind that is none': [packOf(Buffer.concat([Buffer.of(0x55), deflateSync(text)])), 'corrupt'],
  };
  for (const [title, [octets, kind]] of Object.entries(packs)) {
    const folder = join(await mkdtemp(join(root, 'bad-')), 'objects');
    const error = await t.throwsAsync(
      async () => {
        const pack = await receivePack(folder, pieces(octets, 1000));
        await pack.accept().finally(() => pack.close());
      },
      undefined,
      title,
    );
    t.is(failureOf(t, error).fault.kind, kind, title);
    t.deepEqual(readdirSync(join(folder, 'pack')), [], title);
  }
});

/** A delta of `text` that says it makes 2 GiB of it. */
function bomb(): Buffer {
  const size = makeDelta(text, text).subarray(0, 2); // the size of `text`, in two octets
  return Buffer.concat([size, Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x08), Uint8Array.of(0x80)]);
}

/** A pack that was changed, with the checksum of what it is now. */
function resum(pack: Buffer, change: (octets: Buffer) => void): Buffer {
  change(pack);
  createHash('sha1')
    .update(pack.subarray(0, -20))
    .digest()
    .copy(pack, pack.length - 20);
  return pack;
}

testWith(test, ['git'])('a pack with damage anywhere is a fault, or what is in it has the right names', async (t) => {
  const octets = git(
    history.path,
    ['pack-objects', '-q', '--stdout', '--delta-base-offset'],
    `${history.oids.slice(0, 40).join('\n')}\n`,
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(octets.length - 21), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const damaged = resum(Buffer.from(octets), (copy) => {
        copy[at]! ^= change;
      });
      try {
        const folder = await receive(damaged);
        const store = new ObjectStore(join(folder, '..'));
        for (const oid of history.oids) if (store.has(oid)) store.read(oid, LIMIT);
        store.close();
      } catch (error) {
        failureOf(t, error);
      }
    }),
    { numRuns: 200 },
  );
  t.pass();
});
