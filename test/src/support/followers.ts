/**
 * Other servers as secondaries of zones of ours: BIND, Knot, NSD and PowerDNS at 127.0.0.1, signed, allowed to be transferred from in
 * turn, so that what they got can be read.
 *
 * Each is configured for tests, in a temporary folder that is removed with its owner; none checks or changes what it gets.
 */
import type { Certificate } from './certificates.ts';
import { type KeyText, keyParts } from './dig.ts';
import { type KnotVersion, knotCertificate, startKnotPeer } from './knot-peer.ts';
import { startNamed } from './named.ts';
import { nsdKey, startNsdPeer } from './nsd-peer.ts';
import type { Owner } from './owner.ts';
import { startPdns } from './pdns.ts';
import type { Program } from './process.ts';

export const FOLLOWER = '127.0.0.1';

export interface FollowedZone {
  /** Presentation form without final dot. */
  readonly zone: string;
  readonly key: KeyText;
}

export interface Followed {
  /** Each with a key of its own. */
  readonly zones: readonly FollowedZone[];
  /** Ours; it listens on the follower's port. */
  readonly primary: string;
  readonly port: number;
  /** The primary is asked over TLS, by those that can: BIND, Knot 3.4 and NSD. */
  readonly tls?: FollowedTls;
}

export interface FollowedTls {
  readonly port: number;
  /** Path of the authority's certificate. Who the primary is is checked by it, and by Knot by `pin`. */
  readonly ca: string;
  /** The name that the primary's certificate is for. */
  readonly name: string;
  readonly pin: string;
  /** What is shown to the primary, if anything. */
  readonly client?: Certificate;
}

export type FollowerName = 'named' | KnotVersion | 'nsd' | 'pdns_server';

const tlsClause = ({ ca, name, client }: FollowedTls): string => {
  const shown = client === undefined ? '' : `cert-file "${client.cert}"; key-file "${client.key}";`;
  return `tls xot { ca-file "${ca}"; remote-hostname "${name}"; protocols { TLSv1.3; }; ${shown} };\n`;
};

const startBind = async (owner: Owner, { zones: followed, primary, port, tls }: Followed): Promise<Program> => {
  const peer = { address: primary, port: tls?.port ?? port, ...(tls === undefined ? {} : { tls: 'xot' }) };
  const zones = followed.map(({ zone, key }) => ({ name: zone, primaries: [{ ...peer, key }] }));
  const keys = followed.map(({ key }) => key);
  const options = 'check-names secondary ignore;';
  const extra = tls === undefined ? '' : tlsClause(tls);
  return (await startNamed(owner, { port, keys, zones, options, extra })).program;
};

const knotZone = ({ zone, key }: FollowedZone, folder: string): string => `  - domain: "${zone}"
    storage: "${folder}"
    master: "${keyParts(key).name}"
    acl: peer
    semantic-checks: off
`;

const startKnot =
  (version: KnotVersion) =>
  async (owner: Owner, { zones, primary: ours, port, tls }: Followed): Promise<Program> => {
    const keys = zones.map(({ key }) => key);
    const sections = (folder: string): string => `zone:\n${zones.map((it) => knotZone(it, folder)).join('')}`;
    const overTls = tls && {
      remote: { port: tls.port, lines: ['tls: on', `cert-key: ${tls.pin}`] },
      server: tls.client === undefined ? [] : knotCertificate(tls.client),
    };
    const options = { port, ours, keys, zones: sections, log: 'debug', version, ...overTls } as const;
    return (await startKnotPeer(owner, options)).program;
  };

const nsdZone = ({ zone, key }: FollowedZone, { primary, port, tls }: Followed): string => `${nsdKey(key)}zone:
  name: "${zone}"
  zonefile: "${zone}.zone"
  allow-notify: ${primary} ${keyParts(key).name}
  request-xfr: ${primary}@${tls?.port ?? port} ${keyParts(key).name}${tls === undefined ? '' : ' xot'}
  outgoing-interface: ${FOLLOWER}
  provide-xfr: 127.0.0.0/8 ${keyParts(key).name}
  min-retry-time: 1
  min-refresh-time: 1
`;

const startNsd = async (owner: Owner, followed: Followed): Promise<Program> => {
  const { zones, port, tls } = followed;
  const shown = tls?.client && `  client-cert: "${tls.client.cert}"\n  client-key: "${tls.client.key}"\n`;
  const tlsAuth = tls && `tls-auth:\n  name: xot\n  auth-domain-name: "${tls.name}"\n${shown ?? ''}`;
  const server = tls === undefined ? [] : ['verbosity: 3', `tls-cert-bundle: "${tls.ca}"`];
  const sections = `${tlsAuth ?? ''}${zones.map((zone) => nsdZone(zone, followed)).join('')}`;
  return (await startNsdPeer(owner, { port, server, sections })).program;
};

const startPowerDns = (owner: Owner, { zones, primary: ours, port }: Followed): Promise<Program> =>
  startPdns(owner, { port, ours, zones });

/** Starts a follower and waits until it answers. It may not have the zone yet: wait for that with `until`. */
export const startFollower: Readonly<Record<FollowerName, (owner: Owner, followed: Followed) => Promise<Program>>> = {
  named: startBind,
  knotd: startKnot('knotd'),
  'knotd-3.4': startKnot('knotd-3.4'),
  nsd: startNsd,
  pdns_server: startPowerDns,
};
