/**
 * Answers of somebody who is slow to ask, such as a resolver, kept for a while by what was asked. Who asks the same at the same time shares
 * the question.
 *
 * Always holds: so many are kept at most, and those that were asked for first go first.
 */

/** For how long, in milliseconds, and how many. */
export interface Keeping {
  readonly age: number;
  readonly most: number;
}

/** The same as `ask`, which does not reject, with its answers kept. */
export function keepAnswers<T>(
  ask: (question: string) => Promise<T>,
  { age, most }: Keeping,
): (question: string) => Promise<T> {
  const kept = new Map<string, { readonly at: number; readonly answer: Promise<T> }>();
  return (question) => {
    const before = kept.get(question);
    if (before !== undefined && performance.now() - before.at < age) return before.answer;
    const answer = ask(question);
    kept.delete(question);
    kept.set(question, { at: performance.now(), answer });
    const [oldest] = kept.keys();
    if (kept.size > most && oldest !== undefined) kept.delete(oldest);
    return answer;
  };
}
