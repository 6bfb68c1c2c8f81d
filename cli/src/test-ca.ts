/** `zonewright test-ca`: a certificate authority that nobody trusts, to try `letsencrypt` and `certify` with (Debian's `pebble`). */
import { resolve } from 'node:path';
import { parsePeer, printPeer } from '@zonewright/common/net/address';
import { EXIT } from '@zonewright/common/service/exit';
import { defineCommand } from '@zonewright/common/service/options';
import { wholeNumber } from '@zonewright/common/service/service-options';
import { startPebble } from './pebble.ts';

const DNS_PORT = 53;

export const command = defineCommand({
  name: 'test-ca',
  summary: 'run a certificate authority to try things out (needs pebble)',
  description: `Runs pebble, the test authority of Let's Encrypt, on 127.0.0.1 until it is stopped, and prints where it is.
Its root is made anew at each start; nobody trusts what it issues. Install it with: apt install pebble`,
  arguments: [],
  options: [
    {
      flag: '--dns-server <IP[:PORT]>',
      description: 'where it looks for challenges',
      required: true,
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
  ],
  async run({ dnsServer, dir, directoryPort, managementPort }, context) {
    const started = await startPebble({
      folder: resolve(dir),
      dnsServer: printPeer(dnsServer),
      port: directoryPort,
      managementPort,
    });
    if (!started.ok) return context.fail(started.fault);
    const pebble = started.value;
    context.out(`directory: ${pebble.directory}`);
    context.out(`ca file: ${pebble.caFile}`);
    context.out(`root: https://127.0.0.1:${managementPort}/roots/0`);
    await new Promise<void>((done) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done());
    });
    await pebble.stop();
    return EXIT.done;
  },
});
