/**
 * Other servers as the primaries of zones of ours: BIND, Knot and NSD at 127.0.0.1, with zones from files that are written anew, and that
 * they make differences from. Each zone has a key of its own, which its secondary is notified and transfers with.
 *
 * Each is configured for tests, in a temporary folder that is removed with its owner.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from './certificates.ts';
import { type KeyText, keyParts } from './dig.ts';
import { type KnotVersion, knotCertificate, startKnotPeer } from './knot-peer.ts';
import { startNamed } from './named.ts';
import { nsdKey, startNsdPeer } from './nsd-peer.ts';
import type { Owner } from './owner.ts';
import type { Program } from './process.ts';

export const LEADER = '127.0.0.1';

export interface LedZone {
  /** Presentation form without final dot. */
  readonly zone: string;
  /** The zone file's text. */
  readonly text: string;
  readonly key: KeyText;
}

export interface Led {
  readonly zones: readonly LedZone[];
  /** Ours; it listens on the leader's port. */
  readonly secondary: string;
  readonly port: number;
  /** Whoever asks for differences gets the whole zone (RFC 1995 4): BIND alone can be told so. */
  readonly isWhole?: boolean;
  /** Transfers are to be had over TLS alone, from Knot 3.4; NOTIFY goes out over TLS too where ours has a port for it. */
  readonly tls?: LeaderTls;
}

export interface LeaderTls {
  readonly port: number;
  readonly own: Certificate;
  /** Of a client that alone may transfer, if any. */
  readonly client?: Certificate;
  readonly notified?: { readonly port: number; readonly pin: string };
}

export interface Leader {
  readonly program: Program;
  /** Writes files of zones anew and has them read. They may not be served yet when this returns: wait for their serials with `until`. */
  change(texts: Readonly<Record<string, string>>): Promise<void>;
}

export type LeaderName = 'named' | KnotVersion | 'nsd';

const leadWithBind = async (owner: Owner, { zones, secondary, port, isWhole = false }: Led): Promise<Leader> => {
  const named = await startNamed(owner, {
    port,
    keys: zones.map(({ key }) => key),
    zones: zones.map(({ zone, text, key }) => ({
      name: zone,
      text,
      allowTransfer: [`key "${keyParts(key).name}"`],
      alsoNotify: [{ address: secondary, key }],
    })),
    options: `check-names primary ignore;${isWhole ? ' provide-ixfr no;' : ''}`,
  });
  return {
    program: named.program,
    change: async (texts) => {
      for (const [zone, text] of Object.entries(texts)) named.write(zone, text);
      await named.reload();
    },
  };
};

const knotZone = ({ zone, key }: LedZone): string => `  - domain: "${zone}"
    file: "${zone}.zone"
    acl: peer
    notify: "${keyParts(key).name}"
`;

const knotTls = ({ port, own, client, notified }: LeaderTls) => ({
  server: [`listen-tls: ${LEADER}@${port}`, ...knotCertificate(own)],
  acl: ['protocol: tls', ...(client === undefined ? [] : [`cert-key: ${client.pin}`])],
  ...(notified && { remote: { port: notified.port, lines: ['tls: on', `cert-key: ${notified.pin}`] } }),
});

const leadWithKnot = async (version: KnotVersion, owner: Owner, led: Led): Promise<Leader> => {
  const { zones, secondary: ours, port } = led;
  const sections =
    (texts: Readonly<Record<string, string>>) =>
    (folder: string): string => {
      for (const [zone, text] of Object.entries(texts)) writeFileSync(join(folder, `${zone}.zone`), text);
      return `template:
  - id: default
    storage: "${folder}"
    zonefile-load: difference
    zonefile-sync: -1
    journal-content: changes
    semantic-checks: off
zone:
${zones.map(knotZone).join('')}`;
    };
  const keys = zones.map(({ key }) => key);
  const first = sections(Object.fromEntries(zones.map(({ zone, text }) => [zone, text])));
  // It reads nothing anew while a NOTIFY waits for somebody who is silent.
  const { server = [], ...tls } = led.tls === undefined ? {} : knotTls(led.tls);
  const options = { port, ours, keys, zones: first, version, ...tls };
  const { program, configure } = await startKnotPeer(owner, {
    ...options,
    server: ['tcp-remote-io-timeout: 1000', ...server],
  });
  return {
    program,
    change: (texts) => {
      configure(sections(texts));
      return Promise.resolve();
    },
  };
};

const nsdZone = ({ zone, key }: LedZone, secondary: string): string => `${nsdKey(key)}zone:
  name: "${zone}"
  zonefile: "${zone}.zone"
  store-ixfr: yes
  create-ixfr: yes
  notify: ${secondary} ${keyParts(key).name}
  outgoing-interface: ${LEADER}
  provide-xfr: 127.0.0.0/8 ${keyParts(key).name}
`;

const leadWithNsd = async (owner: Owner, { zones, secondary, port }: Led): Promise<Leader> => {
  const files = Object.fromEntries(zones.map(({ zone, text }) => [`${zone}.zone`, text]));
  const sections = zones.map((zone) => nsdZone(zone, `${secondary}@${port}`)).join('');
  const { program, write } = await startNsdPeer(owner, { port, sections, files });
  return {
    program,
    change: (texts) => {
      for (const [zone, text] of Object.entries(texts)) write(`${zone}.zone`, text);
      program.signal('SIGHUP');
      return Promise.resolve();
    },
  };
};

/** Starts a leader and waits until it answers. */
export const startLeader: Readonly<Record<LeaderName, (owner: Owner, led: Led) => Promise<Leader>>> = {
  named: leadWithBind,
  knotd: (...led) => leadWithKnot('knotd', ...led),
  'knotd-3.4': (...led) => leadWithKnot('knotd-3.4', ...led),
  nsd: leadWithNsd,
};
