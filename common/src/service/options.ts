/**
 * Options and arguments as tables. A row says how an option is written and read; from it follow the command line, the
 * environment variable (`--ssh-key` = `ZONEWRIGHT_SSH_KEY`), the help text and the type of the value. The command line wins
 * over the environment, the environment over the default; an empty variable counts as unset.
 *
 * A secret may be written `@FILE`: it is read from there, without its last newline; `@@x` is the secret `@x`. Every secret
 * read is made known to `redact`. A repeatable option is a list in each place: items split at commas or white space.
 *
 * Always holds: what is wrong comes back as faults of kind `usage`, all at once, without the text of a secret.
 */
import { readFileSync } from 'node:fs';
import { type Fault, fail, ok, type Result } from '../result.ts';
import { type ExitCode, exitCodeOf } from './exit.ts';
import { REDACTED, redactText, rememberSecret } from './redact.ts';

/** Reads the text of one value. A fault says what is wrong with it; the option's name is put before. */
export type Parse<T> = (text: string) => Result<T, Fault>;

/** One option. */
export interface OptionRow {
  /** `--axfr` or `--no-caa` (yes or no), `--port <PORT>` or `-p, --port <PORT>` (with a value). The long name is lower case with hyphens. */
  readonly flag: string;
  readonly description: string;
  /** Other names that mean the same, without value part: `['--ssh-authenticator']`. Not shown in the help. */
  readonly aliases?: readonly string[];
  /** Its environment variable, where the name that follows from the flag is that of another option of another command. */
  readonly variable?: string;
  /** Its value may be `@FILE`, and is never shown. */
  readonly secret?: boolean;
  readonly repeatable?: boolean;
  /** What stands between the items of a repeatable option in one text; commas and white space unless given. */
  readonly separator?: RegExp;
  readonly required?: boolean;
  /** Written as a user would; read by `parse` like any other. */
  readonly default?: string;
  readonly parse?: Parse<unknown>;
}

/** One argument: `<ZONE>`, `[FILE]`, `<FILE...>`. */
export interface ArgumentRow {
  readonly name: string;
  readonly description: string;
  readonly secret?: boolean;
  readonly parse?: Parse<unknown>;
}

type Camel<S extends string> = S extends `${infer Head}-${infer Rest}` ? `${Head}${Capitalize<Camel<Rest>>}` : S;
type Word<S extends string> = S extends `${infer Name} ${string}` ? Name : S;
type OptionKey<F extends string> = F extends `--${infer Long}`
  ? Camel<Word<Long>>
  : F extends `${string}--${infer Long}`
    ? Camel<Word<Long>>
    : never;
type ArgumentKey<N extends string> = N extends `${'<' | '['}${infer Name}...${'>' | ']'}`
  ? Camel<Lowercase<Name>>
  : N extends `${'<' | '['}${infer Name}${'>' | ']'}`
    ? Camel<Lowercase<Name>>
    : never;
type Item<R> = R extends { readonly parse: Parse<infer T> } ? T : string;
type OptionValue<R extends OptionRow> = R extends { readonly flag: `${string}<${string}` }
  ? R extends { readonly repeatable: true }
    ? readonly Item<R>[]
    : R extends { readonly default: string } | { readonly required: true }
      ? Item<R>
      : Item<R> | undefined
  : boolean;
type ArgumentValue<R extends ArgumentRow> = R extends { readonly name: `${string}...${string}` }
  ? readonly Item<R>[]
  : R extends { readonly name: `[${string}` }
    ? Item<R> | undefined
    : Item<R>;

/**
 * What a command's `run` receives: options under their long name in camel case (`sshKey`), arguments under their name in lower
 * case (`zone`). A repeatable option that is not given is an empty list; one without a value is a boolean.
 */
export type Values<A extends readonly ArgumentRow[], O extends readonly OptionRow[]> = {
  readonly [R in O[number] as OptionKey<R['flag']>]: OptionValue<R>;
} & { readonly [R in A[number] as ArgumentKey<R['name']>]: ArgumentValue<R> };

/** What a command has of the world around it. */
export interface CommandContext {
  /** `zonewright update`: how its lines on stderr begin. */
  readonly program: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line to stdout, one to stderr. */
  out(line: string): void;
  err(line: string): void;
  /** Prints `zonewright COMMAND: what (hint)` on stderr; returns the exit code for it: `return context.fail(fault)`. */
  fail(fault: Fault): ExitCode;
}

interface CommandHead {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** More, for the command's own help. */
  readonly description?: string;
}

/** A command, ready to be mounted. */
export interface Command extends CommandHead {
  readonly arguments: readonly ArgumentRow[];
  readonly options: readonly OptionRow[];
  run(values: Readonly<Record<string, unknown>>, context: CommandContext): Promise<number>;
}

/** A command whose `run` gets values of the types that its rows say. `run` returns an exit code (exit.ts). */
export function defineCommand<const A extends readonly ArgumentRow[], const O extends readonly OptionRow[]>(
  definition: CommandHead & {
    readonly arguments: A;
    readonly options: O;
    run(values: Values<A, O>, context: CommandContext): Promise<number>;
  },
): Command {
  return {
    ...definition,
    // `readValues` builds the record from the same rows as the type.
    run: (values, context) => definition.run(values as Values<A, O>, context),
  };
}

function camel(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The long name of an option, without hyphens in front: `ssh-key`. */
export function longName(row: OptionRow): string {
  const name = /--([a-z][a-z0-9-]*)/.exec(row.flag)?.[1];
  if (name === undefined) throw new Error(`${row.flag} is no row of an option`);
  return name;
}

function variableOf(long: string): string {
  return `ZONEWRIGHT_${long.toUpperCase().replaceAll('-', '_')}`;
}

/** `ZONEWRIGHT_SSH_KEY` for `--ssh-key`, unless the row says otherwise. */
export function environmentName(row: OptionRow): string {
  return row.variable ?? variableOf(longName(row));
}

/** The member of {@link Values} of a row. */
export function keyOf(row: OptionRow | ArgumentRow): string {
  return 'flag' in row ? camel(longName(row)) : camel(row.name.replaceAll(/[<>[\].]/g, '').toLowerCase());
}

function usage(what: string, hint?: string): { readonly ok: false; readonly fault: Fault } {
  return fail({ kind: 'usage', what, ...(hint === undefined ? {} : { hint }) });
}

const SECRET_FILE_LIMIT = 1024 * 1024;

function readSecret(text: string, where: string): Result<string, Fault> {
  if (text.startsWith('@@') || !text.startsWith('@')) return ok(text.replace(/^@@/, '@'));
  try {
    const content = readFileSync(text.slice(1), 'utf8').replace(/\r?\n$/, '');
    if (content !== '' && content.length <= SECRET_FILE_LIMIT) return ok(content);
    return usage(`${where}: the file ${text.slice(1)} is ${content === '' ? 'empty' : 'too long'}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return usage(`${where}: cannot read the file ${text.slice(1)}: ${code ?? 'unknown'}`);
  }
}

const SEPARATOR = /[\s,]+/;

function split(text: string, separator: RegExp): readonly string[] {
  return text.split(separator).filter((item) => item.trim() !== '');
}

type ReadableRow = Pick<OptionRow, 'secret' | 'parse' | 'repeatable' | 'separator'>;

/** A text of a secret option that could not be read: with fewer characters it is shown as it is, from this many on it is taken for a secret everywhere. */
const SHORT_WORD = 6;
const LONG_WORD = 16;

function readItem(row: ReadableRow, text: string, where: string): Result<unknown, Fault> {
  const parsed = row.parse?.(text) ?? ok(text);
  // Words that are no secret of this kind may stand in any text: those of a wrong file that is given with @.
  if (row.secret === true && (parsed.ok || text.length >= LONG_WORD)) rememberSecret(text);
  if (parsed.ok) return parsed;
  const isShown = row.secret !== true || text.length < SHORT_WORD;
  const clean = (part: string): string => (isShown ? part : redactText(part.replaceAll(text, REDACTED)));
  const { what, hint } = parsed.fault;
  return usage(`${where}: ${clean(what)}`, hint === undefined ? undefined : clean(hint));
}

function readItems(row: ReadableRow, texts: readonly string[], where: string): Result<readonly unknown[], Fault> {
  const { repeatable = false, separator = SEPARATOR } = row;
  const splitIf = (text: string): readonly string[] => (repeatable ? split(text, separator) : [text]);
  const values: unknown[] = [];
  for (const text of texts.flatMap(splitIf)) {
    const content = row.secret === true ? readSecret(text, where) : ok(text);
    if (!content.ok) return content;
    for (const item of splitIf(content.value)) {
      const value = readItem(row, item, where);
      if (!value.ok) return value;
      values.push(value.value);
    }
  }
  return ok(values);
}

function readBoolean(text: string, where: string): Result<boolean, Fault> {
  if (/^(?:1|true|yes|on)$/i.test(text)) return ok(true);
  if (/^(?:0|false|no|off)$/i.test(text)) return ok(false);
  return usage(`${where}: "${text}" is neither yes nor no`);
}

/** What the command line says, by long name; a yes-or-no option that is given is `true`. */
export type Given = Readonly<Record<string, readonly string[] | true | undefined>>;

function readOption(row: OptionRow, given: Given, env: CommandContext['env']): Result<unknown, Fault> {
  const names = [longName(row), ...(row.aliases ?? []).map((alias) => alias.replace(/^--/, ''))];
  const line = names.flatMap((name): readonly (string | true)[] => {
    const words = given[name] ?? [];
    return words === true ? [words] : words;
  });
  const variables = [environmentName(row), ...names.slice(1).map(variableOf)];
  const variable = variables.find((name) => (env[name] ?? '') !== '');
  const fromEnvironment = variable === undefined ? undefined : env[variable];
  if (!row.flag.includes('<')) {
    if (line.length > 0 || variable === undefined) return ok(line.length > 0);
    return readBoolean(fromEnvironment ?? '', variable);
  }
  const isGiven = line.length > 0;
  const fallback = fromEnvironment ?? row.default;
  const texts = isGiven ? line.map(String) : fallback === undefined ? [] : [fallback];
  const where = isGiven || variable === undefined ? `--${names[0]}` : variable;
  const items = readItems(row, texts, where);
  if (!items.ok) return items;
  if (row.required === true && items.value.length === 0) {
    return usage(`--${names[0]} is missing`, `or set ${environmentName(row)}`);
  }
  return ok(row.repeatable === true ? items.value : items.value.at(-1));
}

function readArgument(row: ArgumentRow, texts: readonly string[]): Result<unknown, Fault> {
  const items = readItems(row, texts, row.name.replaceAll(/[<>[\].]/g, ''));
  return items.ok ? ok(row.name.includes('...') ? items.value : items.value[0]) : items;
}

/**
 * The values of a command, from what stands on its command line and in the environment.
 *
 * @param words the texts of each argument row, in order
 */
export function readValues(
  command: Pick<Command, 'arguments' | 'options'>,
  words: readonly (readonly string[])[],
  given: Given,
  env: CommandContext['env'],
): Result<Readonly<Record<string, unknown>>, readonly Fault[]> {
  const results: (readonly [string, Result<unknown, Fault>])[] = [
    ...command.arguments.map((row, index) => [keyOf(row), readArgument(row, words[index] ?? [])] as const),
    ...command.options.map((row) => [keyOf(row), readOption(row, given, env)] as const),
  ];
  const faults = results.flatMap(([, result]) => (result.ok ? [] : [result.fault]));
  if (faults.length > 0) return fail(faults);
  return ok(Object.fromEntries(results.map(([key, result]) => [key, result.ok ? result.value : undefined])));
}

/** The context of a command that runs as `program`, over the given ways out. */
export function createContext(
  program: string,
  env: CommandContext['env'],
  io: Pick<CommandContext, 'out' | 'err'>,
): CommandContext {
  return {
    program,
    env,
    out: io.out,
    err: io.err,
    fail(fault) {
      io.err(`${program}: ${fault.what}${fault.hint === undefined ? '' : ` (${fault.hint})`}`);
      return exitCodeOf(fault);
    },
  };
}
