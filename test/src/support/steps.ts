/**
 * The examples of a Markdown file as steps that a test runs: commands, and the output that the text promises.
 *
 * In a fenced `console` block, a line that starts with `$ ` is a command. It goes on in the next line after a final `\`,
 * and in lines that start with `> ` (as a shell prompts within a here-document). The lines after it are the output
 * expected, standard output and error together: `...` stands for any text on its line or, alone on a line, for any lines.
 * Runs of blanks count as one blank, and empty lines at the end do not count. `<!-- until fits -->` before a block says
 * that its commands are repeated until their output fits.
 */

export interface Step {
  readonly command: string;
  /** The lines promised; none: the command says nothing and succeeds. */
  readonly expected: readonly string[];
  /** Whether the command is repeated until its output fits. */
  readonly untilFits: boolean;
  /** The line of the command in the Markdown text, from 1. */
  readonly line: number;
}

export interface StepsOptions {
  /** Only the blocks beneath the heading with this text, down to the next one of its rank. Throws where there is none. */
  readonly beneath?: string;
}

interface Block {
  readonly lines: readonly string[];
  /** The number of its first line. */
  readonly line: number;
  readonly untilFits: boolean;
}

const isSameHeading = (heading: string, wanted: string): boolean =>
  heading.replace(/[`*_]/g, '').trim().toLowerCase() === wanted.replace(/[`*_]/g, '').trim().toLowerCase();

/** The console blocks of a text, without their fences and their indentation. */
const consoleBlocks = (markdown: string, beneath: string | undefined): Block[] => {
  const blocks: Block[] = [];
  const lines = markdown.split(/\r?\n/);
  let rank = beneath === undefined ? 0 : undefined;
  let isFound = beneath === undefined;
  let untilFits = false;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const [, indent, fence, language] = /^(\s*)(`{3,}|~{3,})\s*(\S*)/.exec(line) ?? [];
    if (indent !== undefined && fence !== undefined) {
      const start = at + 1;
      const isEnd = (text: string): boolean =>
        text.trim().startsWith(fence) && text.trim().replace(/^[`~]+/, '') === '';
      for (at = start; at < lines.length && !isEnd(lines[at]!); at++);
      const body = lines.slice(start, at).map((text) => (text.startsWith(indent) ? text.slice(indent.length) : text));
      if (language === 'console' && rank !== undefined) blocks.push({ lines: body, line: start + 1, untilFits });
      untilFits = false;
      continue;
    }
    const [, marks, heading] = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line) ?? [];
    if (marks !== undefined && heading !== undefined && beneath !== undefined) {
      if (rank !== undefined && marks.length <= rank) rank = undefined;
      if (rank === undefined && isSameHeading(heading, beneath)) {
        rank = marks.length;
        isFound = true;
      }
    }
    if (line.trim() !== '') untilFits = /^\s*<!--\s*until fits\s*-->\s*$/.test(line);
  }
  if (!isFound) throw new Error(`there is no heading "${beneath}"`);
  return blocks;
};

/** The steps of the `console` blocks of a Markdown text. Throws on a block that does not start with a command. */
export const stepsOf = (markdown: string, options: StepsOptions = {}): readonly Step[] =>
  consoleBlocks(markdown, options.beneath).flatMap(({ lines, line, untilFits }) => {
    const steps: (Step & { expected: string[]; command: string })[] = [];
    let isCommandOpen = false;
    lines.forEach((text, index) => {
      const step = steps.at(-1);
      if (step !== undefined && isCommandOpen && (step.command.endsWith('\\') || text.startsWith('> '))) {
        step.command += `\n${text.replace(/^> /, '')}`;
      } else if (text.startsWith('$ ')) {
        steps.push({ command: text.slice(2), expected: [], untilFits, line: line + index });
        isCommandOpen = true;
      } else if (step !== undefined) {
        isCommandOpen = false;
        step.expected.push(text);
      } else if (text.trim() !== '')
        throw new Error(`line ${line + index}: a console block starts with a command ("$ ")`);
    });
    return steps;
  });

const tidy = (lines: readonly string[]): string[] => {
  const all = lines.map((line) => line.replace(/\s+/g, ' ').trimEnd());
  while (all.at(-1) === '') all.pop();
  return all;
};

const linePattern = (line: string): RegExp =>
  new RegExp(
    `^${line
      .split('...')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('.*')}$`,
  );

/** Whether output fits what was promised. With `isPrefix`, more lines may follow, as a service goes on to write. */
export const fits = (expected: readonly string[], got: readonly string[], isPrefix = false): boolean => {
  const wanted = tidy(expected);
  const lines = tidy(got);
  // The lines of `got` that may come next, after each line expected: a `...` alone reaches all the later ones.
  let reachable = new Set([0]);
  for (const text of wanted) {
    const next = new Set<number>();
    const pattern = linePattern(text);
    for (const at of reachable) {
      if (text.trim() === '...') for (let to = at; to <= lines.length; to++) next.add(to);
      else if (at < lines.length && pattern.test(lines[at]!)) next.add(at + 1);
    }
    reachable = next;
  }
  return isPrefix ? reachable.size > 0 : reachable.has(lines.length);
};
