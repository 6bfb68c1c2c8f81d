/**
 * The largest change of a zone that is taken for meant (`--max-change`): a part of its records, or a number of them. What counts is
 * what the zone loses: records that go, and those that are there in another form. A zone that goes loses all it has.
 */
import type { FileFinding } from '@zonewright/common/authority/file-finding';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';

export type MaxChange =
  | { readonly kind: 'off' }
  /** `most`: percent of the records. */
  | { readonly kind: 'part'; readonly most: number }
  /** `most`: records. */
  | { readonly kind: 'records'; readonly most: number };

/** The push option, as in `git push -o max-change=off`. */
const OPTION = 'max-change=';

/** `30%`, `500`, `off`. */
export function parseMaxChange(text: string): Result<MaxChange, Fault> {
  if (text === 'off') return ok({ kind: 'off' });
  const [, digits, sign] = /^(\d{1,9}(?:\.\d{1,3})?)(%?)$/.exec(text) ?? [];
  const most = Number(digits);
  if (sign === '%' && most <= 100) return ok({ kind: 'part', most });
  if (sign === '' && Number.isSafeInteger(most)) return ok({ kind: 'records', most });
  return fail({
    kind: 'usage',
    what: 'a largest change is written otherwise',
    hint: '30%, or a number of records, or off',
  });
}

/** The limit of a push: the pusher may name another one. */
export function maxChangeOf(limit: MaxChange, options: readonly string[]): Result<MaxChange, Fault> {
  const option = options.findLast((text) => text.startsWith(OPTION));
  if (option === undefined) return ok(limit);
  const parsed = parseMaxChange(option.slice(OPTION.length));
  return parsed.ok ? parsed : fail({ ...parsed.fault, what: `the push option ${OPTION}: ${parsed.fault.what}` });
}

/** What is wrong with a change by which a zone of `before` records loses `removed`. */
export function changeFinding(
  limit: MaxChange,
  { removed, before, isGone }: { readonly removed: number; readonly before: number; readonly isGone: boolean },
): FileFinding | undefined {
  const percent = isGone || before === 0 ? 100 : (removed * 100) / before;
  const isTooLarge =
    limit.kind === 'part'
      ? (isGone || removed > 0) && percent > limit.most
      : limit.kind === 'records' && removed > limit.most;
  if (limit.kind === 'off' || !isTooLarge) return undefined;
  const share = percent < 10 ? percent.toFixed(1) : percent.toFixed(0);
  const lost = isGone
    ? `the zone goes, with ${removed} records`
    : `${removed} of ${before} records go or change, ${share} %`;
  const most = limit.kind === 'part' ? `${limit.most} %` : `${limit.most} records`;
  return {
    severity: 'error',
    rule: 'max-change',
    what: `a larger change than may be meant: ${lost}; the most is ${most}`,
    hint: 'if it is meant: git push -o max-change=off',
  };
}
