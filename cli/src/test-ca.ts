/** `zonewright test-ca`: a certificate authority that nobody trusts, to try `letsencrypt` and `certify` with (Debian's `pebble`). */
import { access } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join, resolve } from 'node:path';
import { parsePeer, printPeer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { EXIT } from '@zonewright/common/service/exit';
import { type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { wholeNumber } from '@zonewright/common/service/service-options';
import { type PebbleOptions, startPebble, writePebbleFiles } from './pebble.ts';

const DNS_PORT = 53;

function parseIpv4Address(text: string): Result<string, Fault> {
  return isIPv4(text) ? ok(text) : fail({ kind: 'usage', what: `"${text}" is no IPv4 address` });
}

/** Writes what pebble starts from, where it is not there yet: a pebble that is started again keeps its TLS certificate. */
async function prepare(options: Omit<PebbleOptions, 'dnsServer'>, context: CommandContext): Promise<number> {
  const config = join(options.folder, 'pebble.json');
  const isThere = await access(config).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const files = await writePebbleFiles(options);
    if (!files.ok) return context.fail(files.fault);
  }
  context.out(config);
  return EXIT.done;
}

export const command = defineCommand({
  name: 'test-ca',
  summary: 'run a certificate authority to try things out (needs pebble)',
  description: `Runs pebble, the test authority of Let's Encrypt, until it is stopped, and prints where it is.
Its root is made anew at each start; nobody trusts what it issues. Install it with: apt install pebble`,
  arguments: [],
  options: [
    {
      flag: '--dns-server <IP[:PORT]>',
      description: 'where it looks for challenges',
      parse: (text) => parsePeer(text, DNS_PORT),
    },
    { flag: '--dir <DIR>', description: 'folder for its configuration', default: './test-ca' },
    {
      flag: '--directory-port <PORT>',
      description: 'TCP port of its ACME directory',
      default: '14000',
      parse: wholeNumber(1, 65535),
    },
    {
      flag: '--management-port <PORT>',
      description: 'TCP port from which its root is fetched',
      default: '15000',
      parse: wholeNumber(1, 65535),
    },
    {
      flag: '--listen <IP>',
      description: 'IPv4 address to listen on',
      default: '127.0.0.1',
      parse: parseIpv4Address,
    },
    { flag: '--prepare', description: 'only write the configuration, for "pebble -config DIR/pebble.json"' },
  ],
  async run({ dnsServer, dir, directoryPort, managementPort, listen, prepare: isOnlyPrepared }, context) {
    const where = { folder: resolve(dir), address: listen, port: directoryPort, managementPort };
    if (isOnlyPrepared) return prepare(where, context);
    if (dnsServer === undefined) {
      return context.fail({ kind: 'usage', what: '--dns-server is missing', hint: 'or set ZONEWRIGHT_DNS_SERVER' });
    }
    // Before pebble starts: a signal without a handler would leave it behind.
    const ended = new Promise<void>((done) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => done());
    });
    const started = await startPebble({ ...where, dnsServer: printPeer(dnsServer) });
    if (!started.ok) return context.fail(started.fault);
    const pebble = started.value;
    context.out(`directory: ${pebble.directory}`);
    context.out(`ca file: ${pebble.caFile}`);
    context.out(`root: https://${listen}:${managementPort}/roots/0`);
    const fault = await Promise.race([ended, pebble.ended]);
    await pebble.stop();
    return fault === undefined ? EXIT.done : context.fail(fault);
  },
});
