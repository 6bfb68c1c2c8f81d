/**
 * `zonewright log`: who changed a zone, or a name of it, when, and by which commit. Told from the newest on, each as soon as it is
 * found; older commits are fetched when they are needed.
 */

import type { GitStore, Tree } from '@zonewright/common/git/store';
import { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { isMetaType, parseType } from '@zonewright/common/rr/type';
import { EXIT } from '@zonewright/common/service/exit';
import { type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { REMOTE_OPTIONS } from '@zonewright/common/service/remote-options';
import { wholeNumber } from '@zonewright/common/service/service-options';
import { ZoneHistory } from '@zonewright/primary/repository/zone-history';
import { entryOf, jsonOfEntry, printEntry, type Subject } from './log-entry.ts';
import { parseName } from './words.ts';
import { withStore } from './zone-store.ts';

/** Seconds in one of each. */
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const AGE = /^(\d{1,6})([smhdw])$/;
const DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** Seconds since 1970. */
function parseSince(text: string): Result<number, Fault> {
  const [, count, unit] = AGE.exec(text) ?? [];
  if (count !== undefined) return ok(Math.floor(Date.now() / 1000) - Number(count) * UNITS[unit!]!);
  const time = DATE.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return ok(Math.ceil(time / 1000));
  const hint = '2026-11-21, 2026-11-21T09:30:00Z, or an age: 90m, 12h, 7d, 4w';
  return fail({ kind: 'usage', what: `"${text}" is no time`, hint });
}

function parseTypeWord(text: string): Result<number, Fault> {
  const type = parseType(text);
  if (type !== undefined && !isMetaType(type)) return ok(type);
  return fail({ kind: 'usage', what: `"${text}" is no type of records` });
}

/** A name in the zone, in full or relative to it. */
function nameIn(zone: Name, text: string): Result<Name, Fault> {
  const whole = Name.parse(text);
  if (whole.ok && text !== '@' && whole.value.isSubdomainOf(zone)) return whole;
  const relative = /(?:^|[^\\])(?:\\\\)*\.$/.test(text) ? undefined : Name.parse(text, zone);
  if (relative?.ok === true) return relative;
  return fail({ kind: 'usage', what: `"${text}" is no name in ${zone}` });
}

interface Wanted {
  readonly zone: Name;
  readonly subject: Subject;
  readonly number: number | undefined;
  readonly since: number | undefined;
  readonly json: boolean;
}

async function tell(store: GitStore, head: Tree, wanted: Wanted, context: CommandContext): Promise<number> {
  const { zone, subject, number = Number.POSITIVE_INFINITY, since, json } = wanted;
  const history = new ZoneHistory(store, zone);
  const changes = history.changes(head.commit, since === undefined ? {} : { since });
  let told = 0;
  // A reader that has enough has closed its end.
  while (told < number && !process.stdout.destroyed) {
    const change = await changes.next();
    if (change.done === true) {
      if (!change.value.ok) return context.fail(change.value.fault);
      if (!change.value.value.isWhole) context.err(`${context.program}: older commits are not to be had`);
      break;
    }
    const entry = await entryOf(store, history, change.value, subject);
    if (!entry.ok) return context.fail(entry.fault);
    if (entry.value === undefined) continue;
    if (json) context.out(jsonOfEntry(entry.value));
    else for (const line of [...(told > 0 ? [''] : []), ...printEntry(entry.value)]) context.out(line);
    told++;
  }
  if (told > 0) return EXIT.done;
  const { name, type } = subject;
  const what = name === undefined && type === undefined ? `the file ${history.fileName}` : 'it';
  return context.fail({ kind: 'nothing', what: `no commit changed ${what}` });
}

export const command = defineCommand({
  name: 'log',
  summary: 'who changed a zone or a name, when, and by which commit',
  description:
    'Tells the commits that changed a zone, or the records of a name, newest first: date, author, serials, and the records that went and came.',
  arguments: [
    { name: '<ZONE>', description: 'the zone', parse: parseName },
    { name: '[NAME]', description: 'a name in it, in full or relative to the zone; @ is the apex' },
    { name: '[TYPE]', description: 'records of this type alone', parse: parseTypeWord },
  ],
  options: [
    ...REMOTE_OPTIONS,
    { flag: '-n, --number <N>', description: 'no more commits than this', parse: wholeNumber(1, 1_000_000_000) },
    {
      flag: '--since <TIME>',
      description: 'no commits of before: a date (RFC 3339), or an age such as 12h or 7d',
      parse: parseSince,
    },
    { flag: '--json', description: 'print one JSON object for each commit, one a line' },
  ],
  async run(values, context) {
    const { zone, name: text, type, number, since, json } = values;
    const name = text === undefined ? undefined : nameIn(zone, text);
    if (name?.ok === false) return context.fail(name.fault);
    const subject = { ...(name && { name: name.value }), ...(type !== undefined && { type }) };
    return await withStore(values, context, (store, head) =>
      tell(store, head, { zone, subject, number, since, json }, context),
    );
  },
});
