/**
 * The command `zonewright`: the list of its commands, each loaded when it is called. Services come from their own packages,
 * which an image may lack; tools are files of this folder.
 */
import type { Command } from '@zonewright/common/service/options';
import { type CommandRow, runProgram } from '@zonewright/common/service/program';

/** Loads the export `command` of a module that may be missing: hence named by a text that the compiler does not follow. */
function from(specifier: string): () => Promise<Command> {
  return async () => {
    const module = (await import(specifier)) as { readonly command: Command };
    return module.command;
  };
}

/** The commands there are. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'primary',
    summary: 'serve zones from a git repository, write updates back to it',
    load: from('@zonewright/primary/command'),
  },
  {
    name: 'secondary',
    summary: 'serve zones transferred from a primary',
    load: from('@zonewright/secondary/command'),
  },
  {
    name: 'letsencrypt',
    summary: 'turn signing requests found in zones into certificates',
    load: from('@zonewright/letsencrypt/command'),
  },
  {
    name: 'start',
    summary: 'run all services on loopback, with an embedded git repository',
    load: from('./start.js'),
  },
  { name: 'seed', summary: 'make a repository with a first zone and its keys', load: from('./seed.js') },
  {
    name: 'check',
    aliases: ['ozone'],
    summary: 'is a zone file good, and a good successor?',
    load: from('./check.js'),
  },
  { name: 'hook', summary: 'check a push where it comes in, and have it served', load: from('./hook.js') },
  { name: 'log', summary: 'who changed a zone or a name, when, and by which commit', load: from('./log.js') },
  { name: 'revert', summary: 'take back what a commit changed in zones', load: from('./revert.js') },
  { name: 'notify', aliases: ['onotify'], summary: 'have a server pull now', load: from('./notify.js') },
  { name: 'update', aliases: ['oupdate'], summary: 'point a name at addresses', load: from('./update.js') },
  {
    name: 'certify',
    aliases: ['ocertify'],
    summary: 'get a certificate through the DNS',
    load: from('./certify.js'),
  },
  { name: 'keygen', summary: 'make a TSIG or an SSH key', load: from('./keygen.js') },
  { name: 'wait', summary: 'wait until every server of a zone serves it', load: from('./wait.js') },
  { name: 'query', summary: 'ask a server', load: from('./query.js') },
  {
    name: 'test-ca',
    summary: 'run a certificate authority to try things out',
    load: from('./test-ca.js'),
  },
];

function drain(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => {
    if (stream.destroyed || stream.writableLength === 0) done();
    else stream.write('', () => done());
  });
}

/**
 * Runs the command line and ends the process with its exit code, once what was printed is out.
 *
 * @param argv words after the program's name
 */
export async function main(argv: readonly string[]): Promise<never> {
  // `zonewright check ... | head`: a reader that has enough is no fault.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  const code = await runProgram(COMMANDS, argv, process.env);
  await Promise.all([drain(process.stdout), drain(process.stderr)]);
  process.exit(code);
}
