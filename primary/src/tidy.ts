/**
 * What the repository keeps of older commits here is removed, once that is much. What a restart would want stays: the commit in force as
 * the journal has it, and last good versions of files.
 */
import type { State } from './state.ts';

/** To be called when what is in force has changed, in no turn. */
export async function tidy(state: State): Promise<void> {
  if (state.isTidying) return;
  state.isTidying = true;
  await state.git.take(async () => {
    state.isTidying = false;
    const { publisher, repository, lastGood, log } = state;
    const { commit } = publisher;
    // A restart begins with the commit that the journal has.
    if (state.isClosed || commit === undefined || state.noted !== commit) return;
    const objects = [...lastGood.values()].flatMap(({ oid, includes }) => [oid, ...includes.map(([, each]) => each)]);
    const tidied = await repository.tidy({ commit, objects });
    if (!tidied.ok) log.warn('cache.failed', { kind: tidied.fault.kind }, tidied.fault.what);
    else if (tidied.value !== undefined) log.info('cache.tidied', { ...tidied.value });
  });
}
