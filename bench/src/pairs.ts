/**
 * A primary of one zone that takes updates, and secondaries of the same make that follow it: ours, BIND, Knot. Each has one worker, and all
 * are on loopback. NSD takes no updates.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyText, keyParts } from '@zonewright/test/support/dig';
import type { FileZone, PreparedServer } from '@zonewright/test/support/knot';
import { prepareNamed } from '@zonewright/test/support/named';
import { type Owner, temporaryFolder } from '@zonewright/test/support/owner';
import { freePort } from '@zonewright/test/support/ports';
import { makeRepository } from '@zonewright/test/support/repository';
import { keyLine } from '@zonewright/test/support/secrecy';
import { root } from '@zonewright/test/support/zonewright';
import { answered } from './answered.ts';
import { KEY, launch, type Running, type ServerName } from './servers.ts';
import { timeline } from './timeline.ts';

/** Who is measured: of BIND, also as it is unless told otherwise. */
export interface PairSetting {
  readonly server: Exclude<ServerName, 'nsd'>;
  readonly zone: FileZone;
  readonly secondaries: number;
  readonly isTuned: boolean;
}

export interface Pair {
  readonly primary: Running;
  readonly secondaries: readonly Running[];
}

const PRIMARY = '127.0.0.1';
const [, ALGORITHM = '', SECRET = ''] = KEY.split(':');
const bin = join(root, 'bin/zonewright');
const addressOf = (i: number): string => `127.0.1.${i + 2}`;

type Prepared = Omit<PreparedServer, 'folder'> & { readonly folder?: string };

interface Plan {
  readonly primary: Prepared;
  readonly secondaries: readonly Prepared[];
}

const planOurs = async (owner: Owner, { zone, secondaries }: PairSetting): Promise<Plan> => {
  const addresses = Array.from({ length: secondaries }, (_, i) => addressOf(i));
  const port = await freePort(PRIMARY, ...addresses);
  const keys = addresses.map((each) => `${PRIMARY}.${each}._transfer.${zone.name}`.replace(/\.$/, ''));
  const lines = keys.map((name) => keyLine(`${name}:${ALGORITHM}:${SECRET}`)).join('');
  const repository = await makeRepository(owner, {
    _keys: `${keyLine(KEY)}${lines}`,
    [zone.name.replace(/\.$/, '')]: zone.text,
  });
  const common = ['--port', `${port}`, '--log-level', 'warn', '--udp-workers', '1'];
  const data = join(temporaryFolder(owner, 'data'), 'data');
  const remote = ['--remote', repository.path, '--data', data];
  const command = process.execPath;
  return {
    primary: { address: PRIMARY, port, command, args: [bin, 'primary', ...remote, '--listen', PRIMARY, ...common] },
    secondaries: addresses.map((address, i) => ({
      address,
      port,
      command,
      args: [bin, 'secondary', '--keys', `${keys[i]}:${ALGORITHM}:${SECRET}`, '--listen', address, ...common],
    })),
  };
};

/** What the support has for tests, and BIND has not by itself: quick NOTIFYs, and no limits on them. */
const TUNED =
  /^ {2}(notify-delay|serial-query-rate|notify-rate|startup-notify-rate|min-refresh-time|min-retry-time) .*\n/gm;

const planBind = async (owner: Owner, { zone, secondaries, isTuned }: PairSetting): Promise<Plan> => {
  const port = await freePort();
  const ports = await Promise.all(Array.from({ length: secondaries }, () => freePort()));
  const common = { keys: [KEY], options: 'minimal-responses yes;' };
  const told = ports.map((each) => ({ address: PRIMARY, port: each, key: KEY }));
  const allowUpdate = [`key ${keyParts(KEY).name}`];
  const zones = [{ ...zone, allowUpdate, alsoNotify: told }];
  const prepared = [await prepareNamed(owner, { ...common, port, zones })];
  for (const each of ports) {
    const primaries = [{ address: PRIMARY, port, key: KEY }];
    prepared.push(await prepareNamed(owner, { ...common, port: each, zones: [{ name: zone.name, primaries }] }));
  }
  if (!isTuned)
    for (const { args } of prepared) {
      const file = args.at(-1)!;
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll(TUNED, ''));
    }
  const [primary, ...others] = prepared;
  return { primary: primary!, secondaries: others };
};

/** Where a Knot is that asks `peers`, or tells them, at the same port. */
export interface KnotPlace {
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  readonly peers: readonly string[];
  readonly key: KeyText;
}

/** Its configuration before its zones, with further lines of its sections `server` and `database`. */
export const knotHead = (
  { folder, address, port, peers, key }: KnotPlace,
  server: readonly string[] = [],
  database: readonly string[] = [],
): string => {
  const { name, algorithm, secret } = keyParts(key);
  const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}\n`).join('');
  const remotes = peers.map(
    (peer) => `  - id: ${peer}\n    address: ${peer}@${port}\n    via: ${address}\n    key: ${name}\n`,
  );
  return `server:
    rundir: "${folder}"
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
${indented(server)}log:
  - target: stderr
    any: warning
database:
    storage: "${folder}"
${indented(database)}key:
  - id: ${name}
    algorithm: ${algorithm}
    secret: ${secret}
remote:
${remotes.join('')}acl:
  - id: peer
    key: ${name}
    action: [transfer, notify, update]
`;
};

const knotText = (place: KnotPlace, zone: string): string => {
  const isPrimary = place.address === PRIMARY;
  return `${knotHead(place)}zone:
  - domain: "${zone}"
    storage: "${place.folder}"
    file: zone
    acl: peer
    ${isPrimary ? 'notify' : 'master'}: [${place.peers.join(', ')}]
    zonefile-sync: -1
    ${isPrimary ? 'zonefile-load: whole' : ''}
    journal-content: changes
    semantic-checks: off
`;
};

const knotAt = (owner: Owner, address: string, port: number, zone: string, peers: readonly string[]) => {
  const folder = temporaryFolder(owner, 'knot');
  const file = join(folder, 'knot.conf');
  writeFileSync(file, knotText({ folder, address, port, peers, key: KEY }, zone), { mode: 0o600 });
  return { address, port, folder, command: 'knotd', args: ['-c', file] } as const satisfies Prepared;
};

const planKnot = async (owner: Owner, { zone, secondaries }: PairSetting): Promise<Plan> => {
  const addresses = Array.from({ length: secondaries }, (_, i) => addressOf(i));
  const port = await freePort(PRIMARY, ...addresses);
  const primary = knotAt(owner, PRIMARY, port, zone.name, addresses);
  writeFileSync(join(primary.folder, 'zone'), zone.text);
  return { primary, secondaries: addresses.map((address) => knotAt(owner, address, port, zone.name, [PRIMARY])) };
};

const PLANS = { zonewright: planOurs, bind: planBind, knot: planKnot } as const;

/** Secondaries that are started at a time: all at once would take each other's time. */
const STARTED = 5;

/** Starts all of them and waits until each has the zone. */
export const startPair = (owner: Owner, setting: PairSetting): Promise<Pair> =>
  timeline.during('starts', () => startBoth(owner, setting));

const startBoth = async (owner: Owner, setting: PairSetting): Promise<Pair> => {
  const { server, zone } = setting;
  const plan = await PLANS[server](owner, setting);
  const folder = temporaryFolder(owner, 'place');
  const start = (prepared: Prepared): Promise<Running> =>
    launch(owner, { folder, ...prepared, server, setting: { zones: [zone] } });
  const primary = await start(plan.primary);
  await answered(primary, [zone.name]);
  const secondaries: Running[] = [];
  for (let i = 0; i < plan.secondaries.length; i += STARTED) {
    const some = await Promise.all(plan.secondaries.slice(i, i + STARTED).map(start));
    for (const each of some) await answered(each, [zone.name]);
    secondaries.push(...some);
  }
  return { primary, secondaries };
};

/** Our primary, and how secondaries of it are started, one after the other: they have the same address. */
export interface Source {
  readonly primary: Running;
  start(owner: Owner, server: PairSetting['server']): Promise<Running>;
}

/** Starts our primary and waits until it has the zone. */
export const startSource = async (owner: Owner, zone: FileZone): Promise<Source> => {
  const setting = { server: 'zonewright', zone, secondaries: 1, isTuned: true } as const;
  const plan = await timeline.during('files', () => planOurs(owner, setting));
  const [ours] = plan.secondaries;
  const { address, port } = ours!;
  const prepare: Readonly<Record<PairSetting['server'], (owner: Owner) => Promise<Prepared>>> = {
    zonewright: async () => ours!,
    knot: async (owner) => knotAt(owner, address, port, zone.name, [PRIMARY]),
    bind: async (owner) => {
      const primaries = [{ address: PRIMARY, port, key: KEY }];
      const zones = [{ name: zone.name, primaries }];
      return prepareNamed(owner, { keys: [KEY], options: 'minimal-responses yes;', port: await freePort(), zones });
    },
  };
  const settle = (owner: Owner, prepared: Prepared, server: ServerName): Promise<Running> =>
    launch(owner, { folder: temporaryFolder(owner, 'place'), ...prepared, server, setting: { zones: [zone] } });
  const primary = await timeline.during('starts', async () => {
    const running = await settle(owner, plan.primary, 'zonewright');
    await answered(running, [zone.name]);
    return running;
  });
  return { primary, start: async (owner, server) => settle(owner, await prepare[server](owner), server) };
};
