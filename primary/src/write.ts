/** One commit of what is not in the remote yet, and its push: for the writer, and for updates that are acknowledged by it. */
import type { GitFault } from '@zonewright/common/git/store';
import { fail, ok, type Result } from '@zonewright/common/result';
import { gather, Slices } from '@zonewright/common/service/slices';
import { authorOfDraft, draftMessage } from './commit.ts';
import { plainDelta, plainRecords } from './repository/plain.ts';
import type { Edit } from './repository/repository.ts';
import type { State } from './state.ts';
import { step } from './step.ts';
import { type Draft, deltaOf, type Part } from './unwritten.ts';

/** A part that cannot be written into its file. */
export interface RefusedPart {
  readonly part: Part;
  readonly what: string;
}

export interface Written {
  /** What is in the remote now; `undefined`: nothing of it could be written. */
  readonly draft: Draft | undefined;
  readonly commit: string | undefined;
  /** The object names of its files. */
  readonly objects: ReadonlyMap<string, string>;
  /** Their octets. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly refused: readonly RefusedPart[];
}

function* editsOf(parts: readonly Part[]): Generator<Edit, void, undefined> {
  for (const part of parts)
    yield {
      fileName: part.fileName,
      soa: plainRecords([part.zone.soaRecord()]),
      delta: plainDelta(deltaOf(part)),
    };
}

/** Commits a draft on top of the head in force, and pushes. In the turn of the repository. */
export async function write(state: State, wanted: Draft): Promise<Result<Written, GitFault>> {
  const { repository, journal, publisher, unwritten } = state;
  const refused: RefusedPart[] = [];
  let draft = wanted;
  for (;;) {
    const edits = await gather(editsOf(draft.parts), new Slices());
    const committed = await repository.commit({
      parent: publisher.commit,
      edits,
      author: authorOfDraft(draft),
      message: draftMessage(draft, journal.marker),
    });
    if (!committed.ok) return committed;
    const { commit, objects, sizes } = committed.value;
    const whats = new Map(committed.value.refused.map(({ fileName, what }) => [fileName, what]));
    if (whats.size > 0) {
      // What the message says of its zones has to be true: it is written anew without them.
      const isRefused = ({ fileName }: Part): boolean => whats.has(fileName);
      const out = draft.parts.filter(isRefused);
      refused.push(...out.map((part) => ({ part, what: whats.get(part.fileName)! })));
      const parts = draft.parts.filter((part) => !isRefused(part));
      if (parts.length === 0) return ok({ draft: undefined, commit: undefined, objects, sizes, refused });
      draft = { ...draft, parts, without: [...draft.without, ...out.map(({ origin }) => origin)] };
      continue;
    }
    if (commit === undefined) return fail({ kind: 'corrupt', what: 'nothing was committed' });
    step('write.committed');
    // From now on a commit that speaks of this position may be in the remote, whatever is learnt of it.
    state.attempted = Math.max(state.attempted, draft.position);
    unwritten.skipTo(draft.position);
    const pushed = await repository.push();
    if (!pushed.ok) return pushed;
    step('write.pushed');
    return ok({ draft, commit, objects, sizes, refused });
  }
}

/** Takes over what was written: it is the head in force, and its entries are open no more. */
export function takeWritten(
  { publisher, unwritten }: State,
  { draft, commit, objects, sizes }: Written,
): readonly number[] {
  if (draft === undefined || commit === undefined) return [];
  publisher.follow(commit);
  return unwritten.written(draft, objects, sizes);
}
