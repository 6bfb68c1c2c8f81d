/**
 * `zonewright hook` for many pushes in one process, which are heard one after the other: a start of node takes longer than all that a
 * hook does. Run as a program of its own, since a hook is told its folder and its input by its process.
 *
 * Prints its port. A connection brings fields that each end in NUL: the folder, the words, an empty one, the environment, an empty one,
 * and standard input. It gets the exit code on a line, and what the hook has said.
 */
import { type AddressInfo, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { COMMANDS } from '@zonewright/cli/main';
import { runProgram } from '@zonewright/common/service/program';

interface Call {
  readonly folder: string;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
}

/** A call, where all of it has come. */
const readCall = (text: string): Call | undefined => {
  const fields = text.split('\0');
  const endOfWords = fields.indexOf('');
  const endOfEnv = fields.indexOf('', endOfWords + 1);
  const input = fields[endOfEnv + 1];
  // What follows the last NUL is an empty field.
  if (endOfWords < 0 || endOfEnv < 0 || input === undefined || fields.length < endOfEnv + 3) return undefined;
  const [folder = '', ...words] = fields.slice(0, endOfWords);
  const env = fields.slice(endOfWords + 1, endOfEnv).map((row) => {
    const at = row.indexOf('=');
    return [row.slice(0, at), row.slice(at + 1)];
  });
  return { folder, words, env: Object.fromEntries(env), input };
};

const answer = async ({ folder, words, env, input }: Call): Promise<string> => {
  process.chdir(folder);
  Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([Buffer.from(input)]) });
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(`${line}\n`);
  const code = await runProgram(COMMANDS, ['hook', ...words], env, { out: say, err: say });
  return `${code}\n${lines.join('')}`;
};

let last: Promise<unknown> = Promise.resolve();

const server = createServer((socket) => {
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    const call = readCall(Buffer.concat(chunks).toString());
    if (call !== undefined) last = last.then(async () => socket.end(await answer(call)));
  });
});
server.listen(0, '127.0.0.1', () => void process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
