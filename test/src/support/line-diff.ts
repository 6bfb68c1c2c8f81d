/** What differs between two texts by lines, as `git diff` counts it; and the comments of a zone file. Both know nothing of editing. */

export interface LineDiff {
  /** Numbers of lines of the old text, from 0. */
  readonly removed: readonly number[];
  /** Of the new text. */
  readonly added: readonly number[];
}

/** Lines with their line ends. */
export const linesOf = (text: string): readonly string[] => text.split(/(?<=\n)/).filter((line) => line !== '');

/** The least lines to take out and to put in: what is left is a longest common subsequence. */
export function diffLines(before: readonly string[], after: readonly string[]): LineDiff {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let [oldEnd, newEnd] = [before.length, after.length];
  while (oldEnd > head && newEnd > head && before[oldEnd - 1] === after[newEnd - 1]) {
    oldEnd--;
    newEnd--;
  }
  const width = newEnd - head + 1;
  const common = new Uint32Array((oldEnd - head + 1) * width);
  const at = (i: number, j: number): number => (i - head) * width + (j - head);
  for (let i = oldEnd - 1; i >= head; i--)
    for (let j = newEnd - 1; j >= head; j--)
      common[at(i, j)] =
        before[i] === after[j] ? common[at(i + 1, j + 1)]! + 1 : Math.max(common[at(i + 1, j)]!, common[at(i, j + 1)]!);
  const [removed, added]: [number[], number[]] = [[], []];
  let [i, j] = [head, head];
  while (i < oldEnd || j < newEnd) {
    if (i < oldEnd && j < newEnd && before[i] === after[j]) {
      i++;
      j++;
    } else if (i < oldEnd && (j === newEnd || common[at(i + 1, j)]! >= common[at(i, j + 1)]!)) removed.push(i++);
    else added.push(j++);
  }
  return { removed, added };
}

/** A diff as people read it, without context. */
export function printDiff(before: string, after: string): string {
  const [a, b] = [linesOf(before), linesOf(after)];
  const { removed, added } = diffLines(a, b);
  return [...removed.map((i) => `-${a[i]}`), ...added.map((j) => `+${b[j]}`)]
    .map((line) => (line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`))
    .join('');
}

/** The comment of a line, without blanks at its end; `undefined` where there is none. Strings end with their line. */
export function commentOf(line: string): string | undefined {
  let isQuoted = false;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '\\') i++;
    else if (line[i] === '"') isQuoted = !isQuoted;
    else if (line[i] === ';' && !isQuoted) return line.slice(i).trimEnd();
  }
  return undefined;
}

/** What stands in the first list more often than in the second. */
export function missingIn(wanted: readonly string[], given: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const each of given) counts.set(each, (counts.get(each) ?? 0) + 1);
  return wanted.filter((each) => {
    const count = counts.get(each) ?? 0;
    counts.set(each, count - 1);
    return count <= 0;
  });
}
