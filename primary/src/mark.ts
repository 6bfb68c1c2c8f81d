/**
 * What a commit of ours says about the journal: the last lines of its message (git-interpret-trailers(1)).
 *
 * Of all zones but those that are named, what the journal has up to a position is in the tree of the commit. Anybody's commit may
 * get into the branch, and an entry that is taken for written is lost; so the first line ends with a code that only the secret of the
 * journal makes (HMAC, RFC 2104), over all that the mark says. What the lines call the journal by is derived from the secret.
 *
 * The code does not name the parent or the tree. Whoever copies a mark that was in the branch says what was true of that commit: these
 * entries had their effect, and are open no more. One of a commit that the remote declined is known to its operators alone, who can
 * change the branch as they like; naming the parent would not keep them from it, since anybody can make a commit on that parent. But it
 * would make nothing of marks in commits that were rebased, picked or squashed: their entries would be run again, and what was
 * deleted on purpose since then would come back.
 *
 * Always holds: the secret is in no message, and not in the thread that reads and writes them.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a mark says. */
export interface Statement {
  readonly position: number;
  /** Zones, as text, with entries up to the position that are not in this commit. */
  readonly without: readonly string[];
}

/** A mark as it was found in a commit, which may be anybody's. */
export interface Mark extends Statement {
  /** 32 hexadecimal digits. */
  readonly journal: string;
  /** 32 hexadecimal digits. */
  readonly code: string;
  readonly commit: string;
}

/** Octets of the secret, and of the code. */
const SECRET_OCTETS = 16;
const CODE_OCTETS = 16;

const POSITION = 'Zonewright-Journal';
const WITHOUT = 'Zonewright-Journal-Without';

/** A secret for a new journal. */
export const newMarkSecret = (): Uint8Array => new Uint8Array(randomBytes(SECRET_OCTETS));

/** Makes the marks of a journal, and knows them again. */
export class Marker {
  /** What marks call the journal by: 32 hexadecimal digits, which tell it from all others and nothing of the secret. */
  readonly id: string;
  readonly #secret: Uint8Array;

  constructor(secret: Uint8Array) {
    this.id = createHash('sha256').update('zonewright journal\n').update(secret).digest('hex').slice(0, 32);
    this.#secret = secret;
  }

  /** The lines of a mark, to stand behind an empty line at the end of a message. */
  lines(statement: Statement): readonly string[] {
    const code = this.#codeOf(statement).toString('hex');
    return [
      `${POSITION}: ${this.id} ${statement.position} ${code}`,
      ...statement.without.map((zone) => `${WITHOUT}: ${zone}`),
    ];
  }

  /** Did this journal make it? */
  isOurs(mark: Mark): boolean {
    const code = Buffer.from(mark.code, 'hex');
    return mark.journal === this.id && code.length === CODE_OCTETS && timingSafeEqual(code, this.#codeOf(mark));
  }

  #codeOf({ position, without }: Statement): Buffer {
    // Names as text have no line ends.
    const text = ['zonewright mark', position, ...without].join('\n');
    return createHmac('sha256', this.#secret).update(text).digest().subarray(0, CODE_OCTETS);
  }
}

/** The mark at the end of a message, whoever made it. */
export function readMark(message: string, commit: string): Mark | undefined {
  if (!message.includes(POSITION)) return undefined;
  const lines = message.trimEnd().split('\n');
  const without: string[] = [];
  let found: RegExpExecArray | undefined;
  for (let line = lines.pop(); line !== undefined && line.trim() !== ''; line = lines.pop()) {
    const zone = WITHOUT_LINE.exec(line)?.[1];
    if (zone !== undefined) without.push(zone);
    found ??= POSITION_LINE.exec(line) ?? undefined;
  }
  const position = Number(found?.[2]);
  if (found === undefined || !Number.isSafeInteger(position)) return undefined;
  return { journal: found[1]!, position, code: found[3]!, without: without.reverse(), commit };
}

const POSITION_LINE = /^Zonewright-Journal: ([0-9a-f]{32}) (\d{1,16}) ([0-9a-f]{32})\s*$/;
const WITHOUT_LINE = /^Zonewright-Journal-Without: (\S{1,1100})\s*$/;
