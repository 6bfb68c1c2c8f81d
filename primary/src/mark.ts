/**
 * What a commit of ours says about the journal: the last lines of its message (git-interpret-trailers(1)).
 *
 * Of all zones but those that are named, what the journal has up to a position is in the tree of the commit. Whoever else writes such
 * lines says the same.
 */

/** A mark, and the commit that it was found in. */
export interface Mark {
  /** 32 hexadecimal digits. */
  readonly journal: string;
  readonly position: number;
  /** Zones, as text, with entries up to the position that are not in this commit. */
  readonly without: readonly string[];
  readonly commit: string;
}

const POSITION = 'Zonewright-Journal';
const WITHOUT = 'Zonewright-Journal-Without';

/** The lines of a mark, to stand behind an empty line at the end of a message. */
export const markLines = ({ journal, position, without }: Omit<Mark, 'commit'>): readonly string[] => [
  `${POSITION}: ${journal} ${position}`,
  ...without.map((zone) => `${WITHOUT}: ${zone}`),
];

/** The mark at the end of a message. */
export function readMark(message: string, commit: string): Mark | undefined {
  if (!message.includes(POSITION)) return undefined;
  const lines = message.trimEnd().split('\n');
  const without: string[] = [];
  let found: RegExpExecArray | undefined;
  for (let line = lines.pop(); line !== undefined && line.trim() !== ''; line = lines.pop()) {
    const zone = WITHOUT_LINE.exec(line)?.[1];
    if (zone !== undefined) without.unshift(zone);
    found ??= POSITION_LINE.exec(line) ?? undefined;
  }
  const position = Number(found?.[2]);
  if (found === undefined || !Number.isSafeInteger(position)) return undefined;
  return { journal: found[1]!, position, without, commit };
}

const POSITION_LINE = /^Zonewright-Journal: ([0-9a-f]{32}) (\d{1,16})\s*$/;
const WITHOUT_LINE = /^Zonewright-Journal-Without: (\S{1,1100})\s*$/;
