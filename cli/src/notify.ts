/**
 * `zonewright notify`: has a server pull a zone now (RFC 1996). A primary pulls its repository, a secondary asks its primary.
 *
 * Over TCP, because a primary of this kind answers only after it has pulled. The SOA in the answer section is a hint that
 * servers may use (RFC 1996 3.7); all of it but the serial is made up, as the original's is.
 */
import { notifyMessage } from '@zonewright/common/authority/notify';
import type { Name } from '@zonewright/common/name';
import { printPeer } from '@zonewright/common/net/address';
import type { RRset } from '@zonewright/common/rr/record';
import { writeSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { EXIT } from '@zonewright/common/service/exit';
import { defineCommand } from '@zonewright/common/service/options';
import { wholeNumber } from '@zonewright/common/service/service-options';
import { ask, EDNS, refusal, resolveServer } from './server.ts';
import { KEY, PORT, parseName, parseTimeout, plainName, SERVER } from './words.ts';

function soaOf(zone: Name, serial: number): RRset {
  const rdata = writeSoa({ mname: zone, rname: zone, serial, refresh: 0, retry: 0, expire: 0, minimum: 0 });
  return { name: zone, type: TYPE.SOA, ttl: 0, rdatas: [rdata] };
}

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
    const message = notifyMessage(zone, serial === undefined ? undefined : soaOf(zone, serial));
    const announced = `zone ${plainName(zone)}${serial === undefined ? '' : ` serial ${serial}`}`;
    const reply = await ask(peers.value, {
      message: { ...message, edns: EDNS },
      transport: 'tcp',
      timeout,
      ...(key === undefined ? {} : { key }),
      onServer: (peer) => context.out(`notifying to ${printPeer(peer)} ${announced}`),
    });
    if (!reply.ok) return context.fail(reply.fault);
    const refused = refusal(reply.value, 'notify');
    if (refused !== undefined)
      return context.fail(key === undefined ? { ...refused, hint: 'sign it: --key' } : refused);
    context.out(key === undefined ? 'successful notify!' : 'successful TSIG signed notify!');
    if (key === undefined)
      context.err(`${context.program}: it was not signed, and a primary does not pull for that (use --key)`);
    return EXIT.done;
  },
});
