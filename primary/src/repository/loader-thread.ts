/**
 * The loader: a thread that has the repository, and with it all that is heavy. It answers requests (`loader-client.ts`) and starts
 * nothing by itself.
 *
 * A bug ends the thread, and with it whatever state it had: all of that can be had again from the repository.
 */
import { parentPort } from 'node:worker_threads';
import type { Remote } from '@zonewright/common/git/remote';
import { type GitFault, openStore, type StoreOptions } from '@zonewright/common/git/store';
import { ok, type Result } from '@zonewright/common/result';
import { WorkGarbage } from '@zonewright/common/service/image-garbage';
import { threadData } from '@zonewright/common/service/thread';
import { seedHashes } from '@zonewright/common/zone/lookup-name';
import type { ZoneHandle } from '@zonewright/common/zone/zone';
import { GitRepository } from './git-repository.ts';
import type { ChangeRequest, Head, Pair, Repository } from './repository.ts';

/** What the thread starts with. */
export interface LoaderData {
  /** What names are hashed by, here as where zones are served. */
  readonly seed: Uint8Array;
  readonly remote: Remote;
  readonly store: StoreOptions;
}

/** Any of the requests; `open` says whether there is a repository at all, `inspect` what it is like. */
export type Method = keyof Repository | 'open' | 'inspect';

export interface LoaderRequest {
  readonly id: number;
  readonly method: Method;
  readonly args: readonly unknown[];
}

export interface LoaderAnswer {
  readonly id: number;
  readonly result: Result<unknown, GitFault>;
}

const { seed, remote, store } = await threadData<LoaderData>();
if (!seedHashes(seed)) throw new Error('names were hashed before the seed was there');
let opened: ReturnType<typeof openStore> | undefined;
let repository: Repository | undefined;

async function answer(method: Method, args: readonly unknown[]): Promise<Result<unknown, GitFault>> {
  opened ??= openStore(remote, store);
  const opening = await opened;
  if (!opening.ok) {
    opened = undefined;
    return opening;
  }
  repository ??= new GitRepository(opening.value);
  if (method === 'open') return ok(undefined);
  if (method === 'inspect') return await opening.value.inspect();
  const run = repository[method] as (...all: unknown[]) => Promise<Result<unknown, GitFault>>;
  return run.apply(repository, [...args]);
}

/** The zones that requests come with. */
function zonesOf(method: Method, [first]: readonly unknown[]): readonly ZoneHandle[] {
  if (method === 'compare') return (first as readonly Pair[]).flatMap(({ served, next }) => [served, next]);
  if (method === 'condense') return [first as ZoneHandle];
  return method === 'changesSince' ? [(first as ChangeRequest).served] : [];
}

/** Does the last of the files of a commit come with it? */
function isLastPortion(result: Result<unknown, GitFault>): boolean {
  if (!result.ok || typeof result.value !== 'object' || result.value === null) return false;
  const { first: portion = result.value } = result.value as Partial<Head>;
  return 'gone' in portion;
}

const garbage = new WorkGarbage();
parentPort!.on('message', ({ id, method, args }: LoaderRequest) => {
  void answer(method, args).then((result) => {
    parentPort!.postMessage({ id, result } satisfies LoaderAnswer);
    garbage.rest(
      zonesOf(method, args).map(({ image }) => image),
      isLastPortion(result),
    );
  });
});
