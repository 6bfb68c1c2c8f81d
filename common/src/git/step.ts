/**
 * The steps inside of commits, pushes and fetches, named: a test that ends the process at any of them shows that what is left behind does no
 * harm. Nothing happens where nobody listens.
 */
import { channel } from 'node:diagnostics_channel';

export const GIT_STEPS = [
  /** The objects of a commit are written. */
  'git.written',
  /** A branch, here, is locked, and about to move. */
  'git.locked',
  'git.moved',
  /** All that a push sends is about to be sent. */
  'git.sending',
  /** The remote has said that its branch has moved. */
  'git.sent',
  /** A pack has come, and nothing of it is part of the repository. */
  'git.received',
  'git.accepted',
] as const;

/** Steps of the removal of what a cache needs no more, which is rare. */
export const SWEEP_STEPS = [
  /** What is about to go is not taken for the past of what stays. */
  'sweep.cut',
  /** All that stays is in files that stay. */
  'sweep.moved',
  /** A file is gone. */
  'sweep.removing',
] as const;

const steps = channel('zonewright:step');

/** Says that a step has been done, one of these or of those who use git on their way. */
export function publishStep(name: string): void {
  if (steps.hasSubscribers) steps.publish(name);
}

export const step: (name: (typeof GIT_STEPS | typeof SWEEP_STEPS)[number]) => void = publishStep;
