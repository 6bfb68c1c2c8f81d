/** The bench's own clients: programs beside it, so that their processor time is nobody else's. Each prints one JSON object. */
import { fileURLToPath } from 'node:url';
import type { Owner } from '@zonewright/test/support/owner';
import { type Program, type ProgramOptions, startProgram } from '@zonewright/test/support/process';
import { CLIENT_CORE } from './affinity.ts';
import type { Load } from './dnsperf.ts';
import { Scope } from './scope.ts';
import type { Running } from './servers.ts';

/** What each prints at its end. */
export interface Reports {
  readonly opening: Load;
  readonly transfer: { readonly seconds: number; readonly octets: number; readonly messages: number };
  readonly steady: {
    readonly sent: number;
    /** Milliseconds of each answer. */
    readonly latencies: readonly number[];
  };
  readonly flood: {
    /** Datagrams of each kind. */
    readonly each: number;
  };
  readonly visible: {
    /** Milliseconds from each UPDATE to its answer, to its being visible on each secondary, and on the last of them. */
    readonly answers: readonly number[];
    readonly latencies: readonly number[];
    readonly lasts: readonly number[];
  };
  readonly certificates: {
    /** Milliseconds of each from its request to its certificate, or from the first request where all were posted at once. */
    readonly latencies: readonly number[];
    readonly seconds: number;
  };
  readonly updates: {
    readonly sent: number;
    /** Milliseconds of each that was answered with NOERROR, in the order of the answers. */
    readonly latencies: readonly number[];
    /** From the first that was sent to the last answer. */
    readonly seconds: number;
    /** When the last answer came: milliseconds since 1970, with their fractions. */
    readonly lastAt: number;
    /** Answers with another RCODE, by it. */
    readonly refused: Readonly<Record<string, number>>;
  };
}

/** Seconds until one of them has started and ended, about. */
export const CLIENT_START = 0.3;

export type ClientName = keyof Reports;

export interface Client<Name extends ClientName> {
  readonly program: Program;
  /** Resolves at its end. */
  report(): Promise<Reports[Name]>;
}

/** Starts a client against a server; it ends with its owner at the latest. */
export const startClient = async <Name extends ClientName>(
  owner: Owner,
  name: Name,
  { address, port }: Running,
  args: readonly (string | number)[],
  options: ProgramOptions = {},
): Promise<Client<Name>> => {
  const file = fileURLToPath(new URL(`./clients/${name}.js`, import.meta.url));
  const all = [file, address, `${port}`, ...args.map(String)];
  const program = await startProgram(owner, process.execPath, all, { ...options, name });
  return {
    program,
    report: async () => JSON.parse(await program.waitForLine(/^{/, { timeout: 300_000 })) as Reports[Name],
  };
};

/** Asks all questions of a file over TCP, a connection for each. */
export const askOpening = (server: Running, questions: string): Promise<Load> =>
  Scope.within(async (scope) => (await startClient(scope, 'opening', server, [questions], CLIENT_CORE)).report());
