/**
 * What scenarios have in common: a small zone as text, and a running primary or secondary as something to be asked, changed and
 * watched. A primary is at 127.0.0.1 and a secondary at 127.0.0.2 unless said otherwise; they share a port.
 */
import { readSoa } from '@zonewright/common/rr/soa';
import { type DigReply, dig, type KeyText, nsupdate } from './dig.ts';
import type { Owner } from './owner.ts';
import type { LogEvent, Ran } from './process.ts';
import { rdataOf } from './records.ts';
import type { Secrecy } from './secrecy.ts';
import { until } from './until.ts';
import type { Service, StartOptions } from './zonewright.ts';

export const PRIMARY = '127.0.0.1';
export const SECONDARY = '127.0.0.2';

/** A zone with an SOA, a name server, and further lines. `timers`: refresh, retry, expire and minimum, seconds. */
export const zoneText = (serial: number, more = '', timers = '3600 600 86400 300'): string =>
  `$TTL 3600\n@ SOA ns hostmaster ${serial} ${timers}\n@ NS ns\nns A 127.0.0.1\n${more}`;

/** A server of ours that runs, with what a test does to it. */
export interface Scene {
  readonly service: Service;
  readonly address: string;
  readonly port: number;
  /** Asks once; `args` as for `dig`. */
  ask(...args: readonly string[]): Promise<DigReply>;
  /** RCODE and the data of the answers of one question, sorted: `NOERROR 192.0.2.1`. */
  look(name: string, type?: string): Promise<string>;
  /** The serial served, `undefined` where no SOA is. */
  serial(zone: string): Promise<number | undefined>;
  /** Waits until `look` says `expected`. */
  shows(expected: string, name: string, type?: string, timeout?: number): Promise<void>;
  /** Runs nsupdate with these commands. */
  update(key: KeyText | undefined, ...commands: readonly string[]): Promise<Ran & { readonly text: string }>;
}

export interface SceneOptions extends StartOptions {
  readonly address?: string;
  readonly port: number;
}

/** Starts a service and waits until it is ready. */
export const startScene = async (
  owner: Owner,
  secrecy: Secrecy,
  kind: 'primary' | 'secondary',
  flags: readonly string[],
  options: SceneOptions,
): Promise<Scene> => {
  const { address = kind === 'primary' ? PRIMARY : SECONDARY, port, ...rest } = options;
  const all = ['--listen', address, '--port', `${port}`, '--log-level', 'debug', ...flags];
  const service = await secrecy.start(owner, kind, all, rest);
  return sceneOf(owner, service, { address, port, ...(rest.within && { within: rest.within }) });
};

const sceneOf = (
  owner: Owner,
  service: Service,
  { address, port, within }: Pick<SceneOptions, 'port' | 'within'> & { readonly address: string },
): Scene => {
  const at = { server: address, port, ...(within && { within }) };
  const ask: Scene['ask'] = (...args) => dig({ ...at, args });
  const look: Scene['look'] = async (name, type = 'A') => {
    const { status, answer } = await ask(name, type);
    return [status, ...answer.map(({ data }) => data).sort()].join(' ');
  };
  return {
    service,
    address,
    port,
    ask,
    look,
    serial: async (zone) => {
      const [soa] = (await ask(zone, 'SOA')).answer;
      return soa === undefined ? undefined : readSoa(rdataOf('SOA', soa.data)).serial;
    },
    shows: async (expected, name, type = 'A', timeout = undefined) => {
      await until(() => look(name, type), {
        what: `${address} says ${expected} to ${name} ${type}`,
        holds: (seen) => seen === expected,
        ...(timeout === undefined ? {} : { timeout }),
      });
    },
    update: (key, ...commands) => nsupdate({ ...at, owner, commands, ...(key === undefined ? {} : { key }) }),
  };
};

/** Sends HUP to a primary and waits until it has loaded `commit`. */
export const pull = async ({ service }: Scene, commit: string): Promise<void> => {
  const isLoaded = service.waitForEvent('commit.loaded', { commit });
  service.signal('SIGHUP');
  await isLoaded;
};

/** Milliseconds since 1970 at which a line was logged. */
export const timeOf = ({ time }: LogEvent): number => Date.parse(String(time));

/**
 * Waits until `follower` says `expected` to `name`, and gives how many milliseconds after `leader` it had that version of the zone, by the
 * times in their logs: what it takes the two, and not what it takes a test to see it where the machine is busy.
 */
export const lagOf = async (
  follower: Scene,
  { service }: Scene,
  zone: string,
  expected: string,
  name: string,
): Promise<number> => {
  await follower.shows(expected, name);
  const version = { zone: `${zone}.`, serial: await follower.serial(zone) };
  const loaded = await service.waitForEvent('zone.loaded', version);
  const taken = await follower.service.waitForEvent('transfer.in', version);
  return timeOf(taken) - timeOf(loaded);
};
