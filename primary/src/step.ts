/**
 * The steps of a change on its way, named: a test that ends the process at any of them shows that nothing acknowledged depends on what
 * comes after. Nothing happens where nobody listens.
 */
import { GIT_STEPS, publishStep } from '@zonewright/common/git/step';

export const STEPS = [
  'update.run',
  'update.journalled',
  'update.published',
  'update.answered',
  'write.gathered',
  'write.committed',
  'write.pushed',
  'write.closed',
  'pull.fetched',
  'pull.journalled',
  'pull.published',
  ...GIT_STEPS,
] as const;

export type Step = (typeof STEPS)[number];

/** Says that a step has been done. */
export const step: (name: Step) => void = publishStep;
