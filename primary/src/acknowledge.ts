/** What NOERROR to an UPDATE means, as an interface: two implementations stand beside it. */
import type { Update } from '@zonewright/common/authority/update';
import type { Name } from '@zonewright/common/name';
import type { Log } from '@zonewright/common/service/log';
import { serverFailure, type Verdict } from '@zonewright/common/service/name-server';
import { RCODE } from '@zonewright/common/wire/code';
import { EDE } from '@zonewright/common/wire/edns';
import type { Asked, Batch, Ran } from './batch.ts';
import type { State } from './state.ts';

/** An update that waits for its answer. */
export interface Pending extends Asked {
  answer(verdict: Verdict): void;
}

export interface Acknowledge {
  /** Takes what has come by `take`, when its turn is there; runs it, makes it durable and visible, and answers it. */
  settle(take: () => readonly Pending[]): Promise<void>;
}

export const DONE: Verdict = { rcode: RCODE.NOERROR };
/** Nothing of the update is kept. */
export const STOPPING: Verdict = serverFailure(EDE.NOT_READY, 'this server is being stopped');

/** SERVFAIL: the update was right, and could not be made as durable as NOERROR says. Nothing of it is kept. */
export function notDurable(what: string): Verdict {
  return serverFailure(EDE.NETWORK_ERROR, `the change could not be written to git: ${what}`);
}

/** SERVFAIL: the change may be in git, or come to be there. */
export function undecided(what: string): Verdict {
  return serverFailure(
    EDE.NETWORK_ERROR,
    `whether the change was written to git is not known, look before it is sent again: ${what}`,
  );
}

export function fieldsOf({ update, source }: Asked): Readonly<Record<string, string>> {
  return { zone: update.origin.toString(), key: update.key.name.toString(), peer: source };
}

/** Says what an update was refused for. */
export function logRefusal(log: Log, asked: Asked, { verdict, what }: Extract<Ran, { kind: 'refused' }>): void {
  log.info('update.refused', { ...fieldsOf(asked), rcode: verdict.rcode }, what);
}

/** Makes the versions of a batch visible, of those zones that are to be. */
export function publishBatch(
  { publisher }: State,
  { changes }: Batch,
  isWanted: (origin: Name) => boolean = () => true,
): void {
  for (const { zone, deltas } of changes) if (isWanted(zone.origin)) publisher.publish(zone, 'anew', deltas);
}

/** The version that updates run on; none where a zone is not served. */
export function versionFor({ publisher }: State): (update: Update) => ReturnType<typeof publisher.zones.get> {
  return ({ origin }) => (publisher.files.of(origin) === undefined ? undefined : publisher.zones.get(origin));
}
