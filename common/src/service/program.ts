/**
 * A program made of commands, on commander. Commands are loaded when they are called, so that `zonewright primary` does not
 * import an ACME client, and an image may lack a service.
 *
 * Always holds: `--help` and `--version` work everywhere; a wrong command line is one line per fault on stderr,
 * `zonewright COMMAND: what (hint)`, and exit code 2; a bug in a command is reported without a secret, exit code 70.
 */
import { randomBytes } from 'node:crypto';
import { CommanderError, Command as Parser } from 'commander';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { SEED_OCTETS, seedHashes } from '../zone/lookup-name.ts';
import { EXIT } from './exit.ts';
import {
  type Command,
  type CommandContext,
  createContext,
  environmentName,
  type Given,
  type OptionRow,
  readValues,
} from './options.ts';
import { redactText } from './redact.ts';
import { VERSION } from './version.ts';
import { keepYoungSmall } from './young-heap.ts';

/** A command of the program, not loaded yet. */
export interface CommandRow {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Where a program writes, in lines. */
export type ProgramOutput = Pick<CommandContext, 'out' | 'err'>;

const STANDARD_OUTPUT: ProgramOutput = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
};

const NAME = 'zonewright';

function createParser(name: string, output: ProgramOutput): Parser {
  return new Parser(name)
    .exitOverride()
    .version(`${NAME} ${VERSION}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureOutput({
      writeOut: (text) => output.out(text.replace(/\n$/, '')),
      // What is wrong is said by this module, in its own form.
      writeErr: () => undefined,
      outputError: () => undefined,
    });
}

/** commander's message as a fault: `error: unknown option '--prot'\n(Did you mean --port?)`. */
function parserFault(error: CommanderError, program: string): Fault {
  const [first = '', ...rest] = error.message.split('\n');
  // `--ssh-kye=ed25519:...`: what follows the sign may be a secret.
  const what = first.replace(/^error: /, '').replace(/^(unknown option '[^'=]*)=.*'$/, "$1'");
  const suggestion = rest.join(' ').replace(/^\(Did you mean (.*)\?\)$/, 'did you mean $1?');
  return { kind: 'usage', what, hint: suggestion === '' ? `see ${program} --help` : suggestion };
}

function describe(row: OptionRow): string {
  const notes = [
    ...(row.secret === true ? ['@FILE reads it from a file'] : []),
    ...(row.repeatable === true && !row.description.includes('repeatable') ? ['repeatable'] : []),
    ...(row.required === true ? ['required'] : []),
    ...(row.default === undefined ? [] : [`default ${row.default}`]),
    environmentName(row),
  ];
  return `${row.description} (${notes.join('; ')})`;
}

/** Parses a command's own words: which words are options, which arguments. What they mean is read by `readValues`. */
function parseWords(
  command: Command,
  words: readonly string[],
  program: string,
  output: ProgramOutput,
): Result<{ readonly arguments: readonly (readonly string[])[]; readonly given: Given }, Fault | undefined> {
  const parser = createParser(program, output).description(command.description ?? `${command.summary}.`);
  const collect = (word: string, before: readonly string[] = []): readonly string[] => [...before, word];
  const keys = new Map<string, string>();
  const add = (flag: string, description: string, isHidden: boolean): void => {
    const option = parser.createOption(flag, description);
    if (flag.includes('<')) option.argParser(collect);
    parser.addOption(isHidden ? option.hideHelp() : option);
    keys.set(option.attributeName(), option.name());
  };
  for (const row of command.arguments) parser.argument(row.name, row.description);
  for (const row of command.options) {
    add(row.flag, describe(row), false);
    const value = /<.*$/.exec(row.flag)?.[0] ?? '';
    for (const alias of row.aliases ?? []) add(`${alias} ${value}`.trim(), row.description, true);
  }
  parser.action(() => undefined);
  try {
    parser.parse([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return fail(error.exitCode === 0 ? undefined : parserFault(error, program));
  }
  const given: Record<string, readonly string[] | true | undefined> = {};
  for (const [key, value] of Object.entries(parser.opts<Record<string, readonly string[] | boolean>>())) {
    // `version` is commander's own.
    const name = keys.get(key);
    if (name === undefined) continue;
    // Commander takes `--no-caa` for the opposite of an option `caa`, which is `true` unless it is given.
    if (!name.startsWith('no-')) given[name] = value === false ? undefined : value;
    else if (value === false) given[name] = true;
  }
  const processed = parser.processedArgs as readonly (string | readonly string[] | undefined)[];
  return ok({ arguments: processed.map((word) => (word === undefined ? [] : [word].flat())), given });
}

async function runCommand(
  command: Command,
  words: readonly string[],
  context: CommandContext,
  output: ProgramOutput,
): Promise<number> {
  const parsed = parseWords(command, words, context.program, output);
  if (!parsed.ok) return parsed.fault === undefined ? EXIT.done : context.fail(parsed.fault);
  const values = readValues(command, parsed.value.arguments, parsed.value.given, context.env);
  if (!values.ok) {
    for (const fault of values.fault) context.fail(fault);
    return EXIT.usage;
  }
  return command.run(values.value, context);
}

/** A module that is not there is an image without that service, or a build that was not made: the user's to solve. */
function missingModule(error: unknown, name: string): Fault | undefined {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  const missing = /'([^']+)'/.exec(message)?.[1]?.replace(/^.*\/node_modules\//, '') ?? 'a module';
  return {
    kind: 'usage',
    what: `this installation does not hold the command ${name}: ${missing} is missing`,
    hint: 'use the image of that service, or run "npm ci && npm run build"',
  };
}

async function loadAndRun(
  row: CommandRow,
  words: readonly string[],
  env: CommandContext['env'],
  output: ProgramOutput,
): Promise<number> {
  const context = createContext(`${NAME} ${row.name}`, env, output);
  try {
    let command: Command;
    keepYoungSmall();
    try {
      command = await row.load();
    } catch (error) {
      const fault = missingModule(error, row.name);
      if (fault === undefined) throw error;
      return context.fail(fault);
    }
    return await runCommand(command, words, context, output);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    output.err(`${context.program}: this is a bug, please report it: ${redactText(text)}`);
    return EXIT.bug;
  }
}

/** Only commands that are listed run here: what is left is help, the version, or a mistake. */
function runWithoutCommand(commands: readonly CommandRow[], words: readonly string[], output: ProgramOutput): number {
  const parser = createParser(NAME, output).description('Authoritative DNS whose zones live in a git repository.');
  parser.usage('COMMAND [options] [arguments]').helpCommand('help [COMMAND]', 'print the help of a command');
  for (const row of commands) {
    parser
      .command(row.name)
      .summary(row.summary)
      .description(row.summary)
      .aliases([...(row.aliases ?? [])])
      .helpOption(false);
  }
  try {
    parser.parse([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    const isBare = words.length === 0;
    const fault = isBare ? { kind: 'usage', what: 'no command', hint: `see ${NAME} --help` } : parserFault(error, NAME);
    return createContext(NAME, {}, output).fail(fault);
  }
  return EXIT.usage;
}

/**
 * Runs the command that the words name.
 *
 * @param argv words after the program's name
 * @param output where to write instead of stdout and stderr
 * @returns the exit code
 */
export async function runProgram(
  commands: readonly CommandRow[],
  argv: readonly string[],
  env: CommandContext['env'],
  output: ProgramOutput = STANDARD_OUTPUT,
): Promise<number> {
  const [first = '', ...rest] = argv;
  // So that nobody can choose names that take long to find.
  seedHashes(randomBytes(SEED_OCTETS));
  const find = (name: string): CommandRow | undefined =>
    commands.find((row) => row.name === name || row.aliases?.includes(name) === true);
  const called = find(first);
  if (called !== undefined) return loadAndRun(called, rest, env, output);
  const asked = first === 'help' ? find(rest[0] ?? '') : undefined;
  if (asked !== undefined) return loadAndRun(asked, ['--help'], env, output);
  return runWithoutCommand(commands, argv, output);
}
