/**
 * `zonewright check`: is a zone file good, and is it a good successor of an earlier version? The rules are those by which the
 * primary takes files (`authority/zone-file.ts`); this tool adds the comparison, and says everything in lines
 * `file:line:column: error|warning: message (hint)` or in JSON.
 *
 * Made for pre-receive hooks: an empty new file is a removal, an empty old one an addition, `-` is standard input, and a file
 * that the primary leaves alone is no fault. Always holds: no secret of a key file is printed.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { EXIT } from '@zonewright/common/service/exit';
import { type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { printDifference } from './check-difference.ts';
import { checkFile, type FileReport } from './check-file.ts';
import { plainName } from './words.ts';

const STANDARD_INPUT = '-';

async function readOctets(file: string, context: CommandContext): Promise<Uint8Array | undefined> {
  try {
    return file === STANDARD_INPUT ? await readStandardInput() : await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    context.fail({ kind: 'usage', what: `cannot read ${file}: ${code ?? 'unknown'}` });
    return undefined;
  }
}

async function readStandardInput(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function printReport(file: string, report: FileReport, context: CommandContext): void {
  for (const { line, column, severity, what, hint } of report.findings) {
    const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
    context.out(`${place}: ${severity}: ${what}${hint === undefined ? '' : ` (${hint})`}`);
  }
  for (const difference of report.difference) context.out(printDifference(difference));
  const { name } = report;
  const subject =
    report.role === 'keys'
      ? `keys of ${name === undefined ? '' : plainName(name)}`
      : `zone ${name === undefined ? '' : plainName(name)}`;
  if (report.status === 'checked') context.out(`successfully checked ${subject}`);
  if (report.status === 'removed') context.out(`${subject} removed`);
  if (report.status === 'left alone') context.out(`${file}: left alone: ${report.reason ?? 'not a zone'}`);
}

function asJson(file: string, { name, ...report }: FileReport): object {
  return { file, ...(name === undefined ? {} : { name: name.toString() }), ...report };
}

export const command = defineCommand({
  name: 'check',
  aliases: ['ozone'],
  summary: 'is a zone file good, and a good successor?',
  description: `Checks zone files by the rules of the primary. The zone is the one that the file is named for: "example.com" holds example.com., "@" the root, and "\\047" in a name stands for "/". Files named "_keys" or "X._keys" are checked as key files.`,
  arguments: [{ name: '<FILE...>', description: 'zone file or key file; - is standard input' }],
  options: [
    { flag: '--old <FILE>', description: 'the version before: the serial must be newer when the content differs' },
    { flag: '--zone-name <NAME>', description: 'the zone, where the file is named otherwise' },
    { flag: '--json', description: 'print one JSON object' },
  ],
  async run({ file: files, old: oldFile, zoneName, json }, context) {
    const single = oldFile !== undefined ? '--old' : zoneName !== undefined ? '--zone-name' : undefined;
    if (files.length > 1 && single !== undefined)
      return context.fail({ kind: 'usage', what: `${single} is for one file, and ${files.length} are given` });
    if (files.includes(STANDARD_INPUT) && zoneName === undefined)
      return context.fail({ kind: 'usage', what: 'standard input has no name', hint: 'use --zone-name' });
    const old = oldFile === undefined ? undefined : await readOctets(oldFile, context);
    if (oldFile !== undefined && old === undefined) return EXIT.usage;
    let code: number = EXIT.done;
    const reports: object[] = [];
    for (const file of files) {
      const octets = await readOctets(file, context);
      if (octets === undefined) {
        code = EXIT.usage;
        continue;
      }
      const report = checkFile(octets, {
        fileName: basename(file),
        ...(zoneName === undefined ? {} : { zoneName }),
        ...(old === undefined ? {} : { old }),
        isOneOfMany: files.length > 1,
      });
      if (report.status === 'faulty' && code === EXIT.done) code = EXIT.problems;
      if (json) reports.push(asJson(file, report));
      else printReport(file, report, context);
    }
    if (json) context.out(JSON.stringify({ ok: code === EXIT.done, files: reports }));
    return code;
  },
});
