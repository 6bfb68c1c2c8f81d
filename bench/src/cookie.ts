/** The load of a client that knows a server: with the cookie which that has given it (RFC 7873 5.2). */
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS, OPTION } from '@zonewright/common/wire/edns';
import { emptyMessage } from '@zonewright/common/wire/message';
import { given, nameOf } from '@zonewright/test/support/records';
import type { Target } from './dnsperf.ts';
import { ORIGIN } from './worlds.ts';

const CLIENT_COOKIE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** The options of dnsperf for queries with a good cookie. Throws where the server gives none. */
export const withCookie = async (server: Target): Promise<readonly string[]> => {
  const message = {
    ...emptyMessage(0, OPCODE.QUERY),
    questions: [{ name: nameOf(ORIGIN), type: TYPE.SOA, class: CLASS.IN }],
    edns: { ...BARE_EDNS, options: [{ code: OPTION.COOKIE, data: CLIENT_COOKIE }] },
  };
  const reply = given(await exchange({ server, message, transport: 'udp' }));
  const cookie = reply.edns?.options.find(({ code }) => code === OPTION.COOKIE)?.data;
  if (cookie === undefined || cookie.length <= CLIENT_COOKIE.length) throw new Error('the server gives no cookie');
  return ['-e', '-E', `${OPTION.COOKIE}:${Buffer.from(cookie).toString('hex')}`];
};
