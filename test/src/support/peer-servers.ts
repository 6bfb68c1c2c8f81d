/**
 * Our server, BIND, Knot and NSD with the same zone files, ready to be asked the same.
 *
 * BIND adds the addresses that it knows (`no-auth`) and takes all that it can be made to take; a zone that a server refuses
 * nevertheless is in its `refused`. Our server runs in this process, with the zone files read by the rules of the services.
 */
import { KeyTable } from '@zonewright/common/authority/key';
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { Peer } from '@zonewright/common/net/address';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer } from '@zonewright/common/service/name-server';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { Asker } from './asking.ts';
import { type FileZone, startKnot } from './knot.ts';
import { startNamed } from './named.ts';
import { startNsd } from './nsd.ts';
import type { Owner } from './owner.ts';
import { freePort } from './ports.ts';
import { given, nameOf } from './records.ts';
import { udpOfRun } from './udp-way.ts';

export const SERVERS = ['zonewright', 'bind', 'knot', 'nsd'] as const;
export type ServerName = (typeof SERVERS)[number];
export type PeerName = Exclude<ServerName, 'zonewright'>;
export const PEERS: readonly PeerName[] = ['bind', 'knot', 'nsd'];

export interface Authority {
  readonly server: ServerName;
  readonly asker: Asker;
  /** Names of the zones that it does not serve. */
  readonly refused: ReadonlySet<string>;
}

/** What makes BIND take a zone that is odd, and say all that it knows. */
const BIND_OPTIONS = `
  minimal-responses no-auth;
  zero-no-soa-ttl no;
  minimal-any yes;
  check-integrity no;
  check-names primary ignore;
  check-mx ignore;
  check-mx-cname ignore;
  check-srv-cname ignore;
  check-dup-records ignore;
  check-wildcard no;
  max-records-per-type 0;
  max-types-per-name 0;
  rrset-order { order none; };
  tcp-idle-timeout 1200;`;

async function startOurs(owner: Owner, files: readonly FileZone[]): Promise<Peer> {
  const zones = new ZoneTable();
  for (const { name, text } of files) {
    const { zone } = readZoneFile(Buffer.from(text, 'latin1'), nameOf(name));
    if (zone !== undefined) zones.set(zone);
  }
  const refuse = (): Promise<{ rcode: number }> => Promise.resolve({ rcode: RCODE.REFUSED });
  const address = '127.0.0.1';
  const server = given(
    await startNameServer({
      addresses: [address],
      port: await freePort(address),
      authority: {
        zones,
        keys: new KeyTable(),
        identity: { version: 'test', id: 'test' },
        isTransferOpen: true,
        isPrimary: true,
        historyOf: () => undefined,
        expiryOf: ({ soa }) => soa.expire,
      },
      hooks: { update: refuse, notify: refuse },
      log: SILENT_LOG,
      udp: udpOfRun,
    }),
  );
  owner.teardown(() => server.close());
  return server.bound[0]!;
}

/** Starts all four. */
export async function startAuthorities(owner: Owner, zones: readonly FileZone[]): Promise<readonly Authority[]> {
  const start: Readonly<Record<ServerName, () => Promise<Peer>>> = {
    zonewright: () => startOurs(owner, zones),
    bind: () => startNamed(owner, { zones, options: BIND_OPTIONS }),
    knot: () => startKnot(owner, zones),
    nsd: () => startNsd(owner, zones),
  };
  return Promise.all(
    SERVERS.map(async (server) => {
      const { address, port } = await start[server]();
      const asker = await Asker.to({ address, port });
      owner.teardown(() => asker.close());
      return { server, asker, refused: await refusedBy(asker, zones) };
    }),
  );
}

/** The zones whose SOA a server does not answer with authority. */
async function refusedBy(asker: Asker, zones: readonly FileZone[]): Promise<ReadonlySet<string>> {
  const refused = await Promise.all(
    zones.map(async ({ name }) => {
      const question = { name: nameOf(name), type: TYPE.SOA, class: CLASS.IN };
      const reply = await asker.ask(encodeMessage({ ...emptyMessage(0, OPCODE.QUERY), questions: [question] }), 'udp');
      const isServed = reply !== undefined && (reply[2]! & 0x04) !== 0 && (reply[3]! & 15) === RCODE.NOERROR;
      return isServed ? [] : [name];
    }),
  );
  return new Set(refused.flat());
}
