/**
 * Whose turn it is when more is to be done than can be at once: what is issued is published first; then renewals, the certificate that
 * ends first; then new ones, of whoever has had the fewest of late, so that nobody waits behind another's many names. Pure.
 */
import type { Verdict } from './watch.ts';

/** What can be begun for a name. */
export type Task = Extract<Verdict, { kind: 'order' | 'publish' }>;

/** What its place in the row depends on. */
export interface TurnRules {
  /** Orders that whoever asks has had of late. */
  spent(task: Task): number;
  /** How often it has failed. */
  failures(task: Task): number;
}

/** Is it a certificate that somebody has, and will not have for much longer? */
export const isRenewal = (task: Task): boolean => task.kind === 'order' && task.why === 'due';

/** Is it a certificate that nobody has yet? */
export const isNew = (task: Task): boolean => task.kind === 'order' && !isRenewal(task);

/** The tasks, who comes first first. */
export function inTurn(tasks: readonly Task[], rules: TurnRules): readonly Task[] {
  const ranked = tasks.map((task) => ({ task, rank: rankOf(task), order: withinRank(task, rules) }));
  return ranked
    .sort((a, b) => a.rank - b.rank || a.order - b.order || rules.failures(a.task) - rules.failures(b.task))
    .map(({ task }) => task);
}

function rankOf(task: Task): number {
  if (task.kind === 'publish') return 0;
  return isRenewal(task) ? 1 : 2;
}

function withinRank(task: Task, rules: TurnRules): number {
  if (task.kind === 'order') return task.why === 'due' ? task.due.notAfter : rules.spent(task);
  return 0;
}
