/**
 * `zonewright check`: is a zone file good, and is it a good successor of an earlier version? The rules are those by which the
 * primary takes files (`authority/zone-file.ts`); this tool adds the comparison, and says everything in lines
 * `file:line:column: error|warning: message (hint)` or in JSON.
 *
 * Made for pre-receive hooks: an empty new file is a removal, an empty old one an addition, `-` is standard input, and a file
 * that the primary leaves alone is no fault. Always holds: no secret of a key file is printed.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type FileFinding, printFinding } from '@zonewright/common/authority/file-finding';
import { DEFAULT_FILE_LIMITS } from '@zonewright/common/master/limits';
import { EXIT } from '@zonewright/common/service/exit';
import { type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { printDifference } from './check-difference.ts';
import { checkFile, type FileReport } from './check-file.ts';
import { includedBy } from './included.ts';
import { plainName } from './words.ts';

const STANDARD_INPUT = '-';

/** Why a file cannot be read, by the code of the system, and what helps. */
const REASONS: Readonly<Record<string, Readonly<{ reason: string; hint?: string }>>> = {
  EISDIR: { reason: 'it is a folder', hint: 'name the files in it, as FOLDER/*' },
  ENOENT: { reason: 'there is no such file' },
  EACCES: { reason: 'not permitted' },
};

async function readOctets(file: string, context: CommandContext): Promise<Uint8Array | undefined> {
  try {
    return file === STANDARD_INPUT ? await readStandardInput() : await readFile(file);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const { reason, ...hint } = REASONS[code] ?? { reason: code };
    context.fail({ kind: 'usage', what: `cannot read ${file}: ${reason}`, ...hint });
    return undefined;
  }
}

async function readStandardInput(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Included files as they are found from here. */
function inFolder(file: string, finding: FileFinding): FileFinding {
  return finding.file === undefined ? finding : { ...finding, file: join(dirname(file), finding.file) };
}

/** A plain file in the same folder: no link leads out of it, and nothing waits for a pipe. */
function readBeside(file: string, name: string): Uint8Array | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(join(dirname(file), name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const status = fstatSync(descriptor);
    const isGood = status.isFile() && status.size <= DEFAULT_FILE_LIMITS.includedOctets;
    return isGood ? readFileSync(descriptor) : undefined;
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function printReport(file: string, report: FileReport, context: CommandContext): void {
  for (const finding of report.findings) {
    context.out(printFinding(file, inFolder(file, finding)));
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
      const isAlone = file === STANDARD_INPUT;
      const include = isAlone ? undefined : includedBy([octets, old], (name) => readBeside(file, name));
      const report = checkFile(octets, {
        fileName: basename(file),
        ...(zoneName === undefined ? {} : { zoneName }),
        ...(old === undefined ? {} : { old }),
        ...(include === undefined ? {} : { include }),
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
