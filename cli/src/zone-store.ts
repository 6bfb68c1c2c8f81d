/** A repository of zones as the tools that look into it open it: fetched, and freed again however the work ends. */
import { describeRemote } from '@zonewright/common/git/remote';
import { type GitStore, openStore, type Tree } from '@zonewright/common/git/store';
import type { Fault, Result } from '@zonewright/common/result';
import type { CommandContext } from '@zonewright/common/service/options';
import { type RemoteValues, storeOptionsOf } from '@zonewright/common/service/remote-options';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs `work` on the repository and its head; gives its exit code, or that of what is wrong with the repository. */
export async function withStore(
  values: RemoteValues,
  context: CommandContext,
  work: (store: GitStore, head: Tree) => Promise<number>,
): Promise<number> {
  const options = await storeOptionsOf(values);
  if (!options.ok) return context.fail(options.fault);
  const store = await openStore(values.remote, options.value);
  if (!store.ok) return context.fail(store.fault);
  // What was fetched is a folder of its own, which must not stay behind.
  const interrupted = (signal: NodeJS.Signals): void => {
    void store.value.close().then(() => process.kill(process.pid, signal));
  };
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    const head = await headOf(values, store.value);
    return head.ok ? await work(store.value, head.value) : context.fail(head.fault);
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, interrupted);
    await store.value.close();
  }
}

/** What the remote's branch is at now. */
export async function headOf({ remote }: RemoteValues, store: GitStore): Promise<Result<Tree, Fault>> {
  const head = await store.fetch();
  if (!head.ok) return head;
  if (head.value !== undefined) return { ok: true, value: head.value };
  const what = `${describeRemote(remote)} is empty, or has no branch of this name`;
  return { ok: false, fault: { kind: 'empty', what, hint: 'choose another branch: --remote URL#BRANCH' } };
}
