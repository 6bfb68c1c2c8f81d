/**
 * BIND's `named` on an address of this machine, as a primary or a secondary beside ours.
 *
 * It is configured for tests: no recursion, no rndc, no pid file, notifies only to those named, quick retries. Everything
 * it writes is in a temporary folder that is removed with its owner. named listens only on addresses that an interface has:
 * on loopback that is 127.0.0.1, and 127.0.0.2 only in a namespace made with it (`netns.ts`). Signed zones, views and catalog zones are left out;
 * `extra` takes them verbatim.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyText, keyClause, keyParts } from './dig.ts';
import type { PreparedServer } from './knot.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { freePort } from './ports.ts';
import { type Exit, type Place, type Program, startProgram } from './process.ts';

/** A peer of a zone. */
export interface Peer {
  readonly address: string;
  /** named's own port unless given. */
  readonly port?: number;
  /** The key that signs what is sent there; it also has to be among `keys`. */
  readonly key?: KeyText;
  /** The name of a `tls` clause, for one that is asked over TLS. */
  readonly tls?: string;
}

interface ZoneOptions {
  /** Presentation form, with or without final dot. */
  readonly name: string;
  readonly alsoNotify?: readonly Peer[];
  /** Elements of an address match list, such as `127.0.0.1` or `key "x"`; anyone unless given. */
  readonly allowTransfer?: readonly string[];
  /** Further statements of the zone, verbatim. */
  readonly extra?: string;
}

export interface NamedPrimaryZone extends ZoneOptions {
  /** The zone file's text. */
  readonly text: string;
  /** Elements of an address match list; no one unless given. */
  readonly allowUpdate?: readonly string[];
}

export interface NamedSecondaryZone extends ZoneOptions {
  readonly primaries: readonly Peer[];
  /** Elements of an address match list who may notify beside the primaries. */
  readonly allowNotify?: readonly string[];
}

export interface NamedOptions {
  /** 127.0.0.1 unless given. */
  readonly address?: string;
  /** A free one unless given. */
  readonly port?: number;
  /** The folder of one that was stopped, with what it knew; a new one unless given. */
  readonly folder?: string;
  readonly keys?: readonly KeyText[];
  readonly zones: readonly (NamedPrimaryZone | NamedSecondaryZone)[];
  /** Further statements of `options`, verbatim. */
  readonly options?: string;
  /** Further clauses of `named.conf`, verbatim. */
  readonly extra?: string;
  /** Added to its environment, such as a clock (`movable-clock.ts`). */
  readonly env?: Readonly<Record<string, string>>;
  readonly within?: Place;
}

export interface Named {
  readonly address: string;
  readonly port: number;
  readonly folder: string;
  /** Its log stands in the lines of standard error. */
  readonly program: Program;
  /** The file that holds a zone; a secondary's exists after its first transfer. */
  zoneFile(name: string): string;
  /** Replaces the text of a primary zone; `reload` makes named read it. */
  write(name: string, text: string): void;
  /** Reads the zone files again (signal HUP), and waits until those of `write` are loaded or found broken. */
  reload(): Promise<void>;
  stop(): Promise<Exit>;
}

const list = (elements: readonly string[]): string => `{ ${elements.map((element) => `${element}; `).join('')}}`;

const without = (name: string): string => (name === '.' ? '@' : name.replace(/\.$/, '').replaceAll('/', '\\047'));

const configuration = (folder: string, address: string, port: number, options: NamedOptions): string => {
  const peers = (named: readonly Peer[]): string =>
    list(
      named.map((peer) => {
        const key = peer.key === undefined ? '' : ` key "${keyParts(peer.key).name}"`;
        const tls = peer.tls === undefined ? '' : ` tls "${peer.tls}"`;
        return `${peer.address} port ${peer.port ?? port}${key}${tls}`;
      }),
    );
  const isV6 = address.includes(':');
  const source = isV6 ? '-v6' : '';
  const zone = (it: NamedPrimaryZone | NamedSecondaryZone): string => {
    const role =
      'text' in it
        ? `type primary; ixfr-from-differences yes; allow-update ${list(it.allowUpdate ?? ['none'])};`
        : `type secondary; primaries ${peers(it.primaries)};` +
          (it.allowNotify === undefined ? '' : ` allow-notify ${list(it.allowNotify)};`);
    return `zone "${it.name}" {
  ${role}
  file "zones/${without(it.name)}";
  allow-transfer ${list(it.allowTransfer ?? ['any'])};
  ${it.alsoNotify === undefined ? 'notify no;' : `notify explicit; also-notify ${peers(it.alsoNotify)};`}
  ${it.extra ?? ''}
};
`;
  };
  return `${(options.keys ?? []).map(keyClause).join('')}
controls { };
options {
  directory "${folder}";
  pid-file none;
  lock-file none;
  session-keyfile none;
  listen-on port ${port} ${list([isV6 ? 'none' : address])};
  listen-on-v6 port ${port} ${list([isV6 ? address : 'none'])};
  transfer-source${source} ${address};
  notify-source${source} ${address};
  recursion no;
  dnssec-validation no;
  empty-zones-enable no;
  allow-query { any; };
  masterfile-format text;
  notify-delay 0;
  serial-query-rate 1000;
  max-ixfr-ratio unlimited;
  notify-rate 1000;
  startup-notify-rate 1000;
  min-refresh-time 1;
  min-retry-time 1;
  ${options.options ?? ''}
};
${options.zones.map(zone).join('')}${options.extra ?? ''}`;
};

/** What named says of a zone file that it has read. */
const isOutcome = /: (?:loaded serial \d+|not loaded due to errors\.)/;

interface PreparedNamed extends PreparedServer {
  zoneFile(name: string): string;
}

/** Writes what named reads. All of it goes with its owner. */
export const prepareNamed = async (owner: Owner, options: NamedOptions): Promise<PreparedNamed> => {
  const address = options.address ?? '127.0.0.1';
  const port = options.port ?? (await freePort(address));
  const folder = options.folder ?? temporaryFolder(owner, 'named');
  mkdirSync(join(folder, 'zones'), { recursive: true });
  const zoneFile = (name: string): string => join(folder, 'zones', without(name));
  for (const zone of options.zones) if ('text' in zone) writeFileSync(zoneFile(zone.name), zone.text);
  const file = join(folder, 'named.conf');
  // The file holds the secrets of the keys.
  writeFileSync(file, configuration(folder, address, port, options), { mode: 0o600 });
  return { address, port, folder, zoneFile, command: 'named', args: ['-g', '-n', '1', '-c', file] };
};

/** Starts named and waits until it answers. A secondary may not have its zones yet: wait for those with `until`. */
export const startNamed = async (owner: Owner, options: NamedOptions): Promise<Named> => {
  const { address, port, folder, zoneFile, command, args } = await prepareNamed(owner, options);
  const changed = new Set<string>();
  const program = await startProgram(owner, command, args, {
    cwd: folder,
    ...(options.env && { env: options.env }),
    ...(options.within && { within: options.within }),
  });
  // named says this after its sockets are open and its primary zones are loaded.
  await program.waitForLine(/ running$/);
  if (!program.text().includes(`, ${address}#${port}\n`)) {
    throw new Error(
      `no interface has the address ${address}, so named cannot listen on it: run it in a namespace that has`,
    );
  }
  return {
    address,
    port,
    folder,
    program,
    zoneFile,
    write: (name, text) => {
      writeFileSync(zoneFile(name), text);
      changed.add(name.replace(/(?<=.)\.$/, ''));
    },
    reload: async () => {
      const from = program.lines.length;
      program.signal('SIGHUP');
      const line = await program.waitForLine(/ running$| reloading configuration failed/, { from });
      if (line.includes('failed')) throw new Error('named refuses its configuration');
      for (const name of changed) {
        await program.waitForLine((text) => isOutcome.test(text) && text.includes(` zone ${name}/IN: `), { from });
      }
      changed.clear();
    },
    stop: () => program.stop(),
  };
};
