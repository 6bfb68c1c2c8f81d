/**
 * `zonewright revert`: takes back what a commit changed in zones, or brings a zone back to the version of a serial, as a new commit on
 * top of the branch.
 *
 * All or nothing, and never by force: where the branch has moved meanwhile, it is planned again on what is there then.
 */
import { hostname, userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Author, CommitText, GitStore, Tree } from '@zonewright/common/git/store';
import type { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { printRecord } from '@zonewright/common/rr/record';
import { nextDelay } from '@zonewright/common/service/backoff';
import { EXIT } from '@zonewright/common/service/exit';
import { type CommandContext, defineCommand, type Values } from '@zonewright/common/service/options';
import { REMOTE_OPTIONS } from '@zonewright/common/service/remote-options';
import { ZoneHistory } from '@zonewright/primary/repository/zone-history';
import { printDifference } from './check-difference.ts';
import { printable } from './printable.ts';
import { type FilePlan, type Goal, type Plan, type PlanConflict, planRevert } from './revert-plan.ts';
import { parseName } from './words.ts';
import { headOf, withStore } from './zone-store.ts';

/** What stands on the command line. */
type Target =
  | { readonly kind: 'commit'; readonly prefix: string }
  | { readonly kind: 'version'; readonly origin: Name; readonly serial: number };

const COMMIT = /^[0-9a-f]{4,40}$/i;
const VERSION = /^(.+)@(\d{1,10})$/;
const LAST_SERIAL = 2 ** 32 - 1;

function parseTarget(text: string): Result<Target, Fault> {
  if (COMMIT.test(text)) return ok({ kind: 'commit', prefix: text.toLowerCase() });
  const [, zone, digits] = VERSION.exec(text) ?? [];
  const serial = Number(digits);
  if (zone === undefined || serial > LAST_SERIAL) {
    const hint = 'a commit by at least 4 of its digits, or ZONE@SERIAL: example.com@2026112101';
    return fail({ kind: 'usage', what: `"${text}" is neither a commit nor a version`, hint });
  }
  const origin = parseName(zone);
  return origin.ok ? ok({ kind: 'version', origin: origin.value, serial }) : origin;
}

function parseAuthor(text: string): Result<Author, Fault> {
  const [, name, email] = /^\s*([^<>]+?)\s*<([^<>\s]+)>\s*$/.exec(text) ?? [];
  if (name !== undefined && email !== undefined) return ok({ name, email });
  return fail({ kind: 'usage', what: `"${text}" is no author`, hint: 'write it as Name <mail@example.org>' });
}

function ownAuthor(): Author {
  const { username } = userInfo();
  return { name: username, email: `${username}@${hostname()}` };
}

/** What is to be done, and how the commit says it. */
interface Order {
  readonly goal: Goal;
  readonly title: string;
  readonly reason: string;
}

const problem = (what: string, hint?: string): Result<never, Fault> =>
  fail({ kind: 'revert', what, ...(hint === undefined ? {} : { hint }) });

/** Its name, of the commits in the history of the head that begin so. */
async function findCommit(store: GitStore, head: Tree, prefix: string): Promise<Result<string, Fault>> {
  for (;;) {
    const found = await store.log(undefined, head.commit, (_, commit) =>
      commit.startsWith(prefix) ? commit : undefined,
    );
    if (!found.ok) return found;
    const [commit, other] = found.value.picked;
    if (other !== undefined)
      return fail({ kind: 'usage', what: `several commits begin with ${prefix}`, hint: 'write more of its digits' });
    if (commit !== undefined) return ok(commit);
    const deepened = await store.deepen();
    if (!deepened.ok) return deepened;
    if (!deepened.value) return problem(`there is no commit ${prefix} in the history of the branch`);
  }
}

/** The state of the root at a commit, fetched if need be. */
async function treeAt(store: GitStore, commit: string): Promise<Result<Tree, Fault>> {
  for (;;) {
    const tree = await store.at(commit);
    if (tree.ok || tree.fault.kind !== 'gone') return tree;
    const deepened = await store.deepen();
    if (!deepened.ok) return deepened;
    if (!deepened.value) return tree;
  }
}

async function orderOf(store: GitStore, head: Tree, target: Target): Promise<Result<Order, Fault>> {
  return target.kind === 'commit'
    ? await commitOrder(store, head, target.prefix)
    : await versionOrder(store, head, target);
}

async function commitOrder(store: GitStore, head: Tree, prefix: string): Promise<Result<Order, Fault>> {
  const commit = await findCommit(store, head, prefix);
  if (!commit.ok) return commit;
  const about = await store.about(commit.value);
  if (!about.ok) return about;
  const { parents } = about.value;
  if (parents.length > 1)
    return problem(`${commit.value} is a merge`, 'revert the commits that it brought in, or go back to ZONE@SERIAL');
  const after = await treeAt(store, commit.value);
  if (!after.ok) return after;
  const before = parents[0] === undefined ? ok(undefined) : await treeAt(store, parents[0]);
  if (!before.ok) return before;
  return ok({
    goal: { kind: 'commit', before: before.value, after: after.value },
    title: `Revert "${printable(subjectOf(about.value))}"`,
    reason: `This takes back what commit ${commit.value} changed.`,
  });
}

const subjectOf = ({ message }: CommitText): string => message.trimStart().split('\n', 1)[0]!.trimEnd();

async function versionOrder(
  store: GitStore,
  head: Tree,
  { origin, serial }: Target & { kind: 'version' },
): Promise<Result<Order, Fault>> {
  const history = new ZoneHistory(store, origin);
  const found = await history.versionOf(serial, head.commit);
  if (!found.ok) return found;
  if (found.value.kind === 'none')
    return problem(`no version of ${history.fileName} without errors has the serial ${serial}`);
  if (found.value.kind === 'several') {
    const what = `several versions of ${history.fileName} have the serial ${serial}: ${found.value.commits.join(' ')}`;
    return problem(what, 'revert the commits that came after the one that you want');
  }
  const { commit } = found.value;
  const tree = await treeAt(store, commit);
  if (!tree.ok) return tree;
  return ok({
    goal: { kind: 'version', origin, tree: tree.value },
    title: `Revert ${history.fileName} to serial ${serial}`,
    reason: `This brings the records back to those of commit ${commit}.`,
  });
}

/** Lines of records in a commit message; the diff has them all. */
const MAX_LINES = 100;

function messageOf({ title, reason }: Order, files: readonly FilePlan[]): string {
  const lines = files.flatMap((file) => [headline(file), ...file.difference.map(printDifference)]);
  const shown =
    lines.length > MAX_LINES ? [...lines.slice(0, MAX_LINES), `... and ${lines.length - MAX_LINES} more`] : lines;
  return [title, '', reason, '', ...shown, ''].join('\n');
}

function headline({ fileName, content, from, to }: FilePlan): string {
  if (content === null) return `${fileName}: removed${from === undefined ? '' : `, serial ${from}`}`;
  return from === undefined ? `${fileName}: put back, serial ${to}` : `${fileName}: serial ${from} -> ${to}`;
}

const SAID_OF = {
  changed: 'was added, and is not there as it was',
  taken: 'was removed, and others have its place',
} as const;

function conflictLine(conflict: PlanConflict): string {
  const { fileName } = conflict;
  if (conflict.kind === 'file') return `conflict: ${fileName}: ${conflict.what}`;
  return `conflict: ${fileName}: ${printRecord(conflict.record)}: ${SAID_OF[conflict.kind]}`;
}

/** How often it is planned again because somebody else pushed, and the pauses between, milliseconds. */
const MAX_TRIES = 50;
const CONTENTION = { base: 20, max: 1000 } as const;

const options = [
  ...REMOTE_OPTIONS,
  { flag: '--dry-run', description: 'tell what would change, and change nothing' },
  {
    flag: '--force',
    variable: 'ZONEWRIGHT_REVERT_FORCE',
    description: 'pass over conflicts: records that were changed again are reverted all the same',
  },
  {
    flag: '--author <AUTHOR>',
    description: 'who makes the commit, `Name <mail>`; the own user at this host unless given',
    parse: parseAuthor,
  },
] as const;

type RevertValues = Values<readonly [], typeof options>;

/** Plans on a head, and tells what is to be done; `undefined` where that is nothing, or may not be. */
async function prepare(
  store: GitStore,
  head: Tree,
  { goal }: Order,
  { force }: RevertValues,
  context: CommandContext,
): Promise<Result<Plan, Fault>> {
  const plan = await planRevert(store, head, goal, force);
  if (!plan.ok) return plan;
  const { conflicts, files, left } = plan.value;
  for (const { fileName, reason } of left)
    context.err(`${context.program}: ${printable(fileName)} is left alone: ${reason}`);
  for (const conflict of conflicts) context.out(conflictLine(conflict));
  if (conflicts.length > 0 && !force)
    return problem('what it changed was changed again', 'with --force it is reverted all the same');
  if (files.length === 0 && left.length > 0) return problem('it changed no zone file', 'use git revert');
  return plan;
}

async function revert(
  store: GitStore,
  first: Tree,
  target: Target,
  values: RevertValues,
  context: CommandContext,
): Promise<number> {
  const order = await orderOf(store, first, target);
  if (!order.ok) return context.fail(order.fault);
  let head = first;
  for (let tries = 0; ; tries++) {
    const plan = await prepare(store, head, order.value, values, context);
    if (!plan.ok) return context.fail(plan.fault);
    const { files } = plan.value;
    if (files.length === 0) {
      context.out('nothing to do: it is as it was before');
      return EXIT.done;
    }
    const tell = (): void => {
      for (const file of files) {
        context.out(headline(file));
        for (const difference of file.difference) context.out(`  ${printDifference(difference)}`);
      }
    };
    if (values.dryRun) {
      tell();
      return EXIT.done;
    }
    const committed = await store.commit(head, {
      files: new Map(files.map(({ fileName, content }) => [fileName, content])),
      author: values.author ?? ownAuthor(),
      time: Math.floor(Date.now() / 1000),
      message: messageOf(order.value, files),
    });
    if (!committed.ok) return context.fail(committed.fault);
    const pushed = await store.push(head, committed.value);
    const { commit } = committed.value;
    if (!pushed.ok) {
      if ((pushed.fault.kind !== 'moved' && pushed.fault.kind !== 'unknown') || tries >= MAX_TRIES)
        return context.fail(pushed.fault);
      await pause(nextDelay(tries, CONTENTION, Math.random));
      const moved = await headOf(values, store);
      if (!moved.ok) return context.fail(moved.fault);
      const arrived = await store.log(head.commit, moved.value.commit, (_, oid) => (oid === commit ? true : undefined));
      if (!arrived.ok) return context.fail(arrived.fault);
      head = moved.value;
      if (arrived.value.picked.length === 0) continue;
    }
    tell();
    context.out(`committed ${commit}`);
    return EXIT.done;
  }
}

export const command = defineCommand({
  name: 'revert',
  summary: 'take back what a commit changed in zones, as a new commit',
  description:
    'Takes back what a commit changed in zone files, record by record, or brings a zone back to the version of a serial. What came after it stays; the serial rises.',
  arguments: [{ name: '<TARGET>', description: 'a commit, or ZONE@SERIAL', parse: parseTarget }],
  options,
  run({ target, ...values }, context) {
    return withStore(values, context, (store, head) => revert(store, head, target, values, context));
  },
});
