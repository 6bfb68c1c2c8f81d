/**
 * `zonewright notify`: has a server pull a zone now (RFC 1996). A primary pulls its repository, a secondary asks its primary.
 */
import { printPeer } from '@zonewright/common/net/address';
import { EXIT } from '@zonewright/common/service/exit';
import { defineCommand } from '@zonewright/common/service/options';
import { wholeNumber } from '@zonewright/common/service/service-options';
import { extendedErrorText } from '@zonewright/common/wire/edns';
import { notify } from './notification.ts';
import { resolveServer } from './server.ts';
import { KEY, PORT, parseName, parseTimeout, plainName, SERVER } from './words.ts';

export const command = defineCommand({
  name: 'notify',
  aliases: ['onotify'],
  summary: 'have a server pull now',
  description:
    'Tells a server that a zone has changed. A primary pulls its repository, if the key may notify for the zone.',
  arguments: [SERVER, { name: '<ZONE>', description: 'the zone that has changed', parse: parseName }],
  options: [
    KEY,
    PORT,
    {
      flag: '--serial <N>',
      variable: 'ZONEWRIGHT_ZONE_SERIAL',
      description: 'serial to announce; none unless given',
      parse: wholeNumber(0, 2 ** 32 - 1),
    },
    {
      flag: '--timeout <S>',
      description: 'seconds to wait for the answer: a pull may take its time',
      default: '60',
      parse: parseTimeout,
    },
  ],
  async run({ server, zone, key, port, serial, timeout }, context) {
    const peers = await resolveServer(server, port);
    if (!peers.ok) return context.fail(peers.fault);
    const announced = `zone ${plainName(zone)}${serial === undefined ? '' : ` serial ${serial}`}`;
    const reply = await notify(peers.value, {
      zone,
      timeout,
      ...(serial === undefined ? {} : { serial }),
      ...(key === undefined ? {} : { key }),
      onServer: (peer) => context.out(`notifying to ${printPeer(peer)} ${announced}`),
    });
    if (!reply.ok) {
      const isUnsigned = key === undefined && reply.fault.kind === 'refused';
      return context.fail(isUnsigned ? { ...reply.fault, hint: 'sign it: --key' } : reply.fault);
    }
    const note = extendedErrorText(reply.value.message.edns);
    if (note !== undefined) context.err(`${context.program}: warning: ${note}`);
    context.out(key === undefined ? 'successful notify!' : 'successful TSIG signed notify!');
    if (key === undefined)
      context.err(`${context.program}: it was not signed, and a primary does not pull for that (use --key)`);
    return EXIT.done;
  },
});
