/** Cookies between makes (RFC 9018): servers that share a secret take each other's, and dig finds its way through ours. */

import { ClientAddress } from '@zonewright/common/authority/client-address';
import { COOKIE, COOKIE_OCTETS, CookieJar } from '@zonewright/common/authority/cookie';
import { showCookie } from '@zonewright/common/authority/request';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer } from '@zonewright/common/service/name-server';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS, OPTION } from '@zonewright/common/wire/edns';
import { emptyMessage, type Message } from '@zonewright/common/wire/message';
import anyTest, { type ExecutionContext } from 'ava';
import { authorityOf } from '../support/answering.ts';
import { dig } from '../support/dig.ts';
import { startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, zoneOf } from '../support/records.ts';
import { zoneText } from '../support/scene.ts';
import { udpOfRun } from '../support/udp-way.ts';

const test = testWith(anyTest, ['named', 'dig']);

const SECRET = '445536bcd2513298075a5d379663c962';
const LOCAL = '127.0.0.1';
const jar = new CookieJar({ secrets: [Buffer.from(SECRET, 'hex')], isRequired: true });
const client = new ClientAddress();
client.read(LOCAL);
const seconds = (): number => Math.floor(Date.now() / 1000);

const queryWith = (cookie: Uint8Array): Message => ({
  ...emptyMessage(0, OPCODE.QUERY),
  questions: [{ name: nameOf('example.'), type: TYPE.SOA, class: CLASS.IN }],
  edns: { ...BARE_EDNS, options: [{ code: OPTION.COOKIE, data: cookie }] },
});

const strictNamed = (t: ExecutionContext<unknown>) =>
  startNamed(t, {
    zones: [{ name: 'example', text: zoneText(1, 'www A 192.0.2.1\n') }],
    options: `answer-cookie yes; require-server-cookie yes; cookie-algorithm siphash24; cookie-secret "${SECRET}";`,
  });

const CLIENT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

test('a cookie of BIND is good here, and one made here is good there', async (t) => {
  const named = await strictNamed(t);
  const asked = async (cookie: Uint8Array): Promise<Message> =>
    given(await exchange({ server: named, message: queryWith(cookie), transport: 'udp' }));
  const first = await asked(CLIENT);
  t.is(first.rcode, RCODE.BADCOOKIE);
  t.is(showCookie(first, jar, client, seconds()).verdict, COOKIE.GOOD);
  const made = new Uint8Array(COOKIE_OCTETS);
  jar.write(COOKIE.CLIENT, { cookie: CLIENT, cookieLength: CLIENT.length }, client, seconds(), made);
  t.is((await asked(made)).rcode, RCODE.NOERROR);
  made[COOKIE_OCTETS - 1] = made[COOKIE_OCTETS - 1]! ^ 1;
  t.is((await asked(made)).rcode, RCODE.BADCOOKIE);
});

test('dig learns a cookie from us, and is answered where cookies are required, with one and without', async (t) => {
  const port = await freePort(LOCAL);
  const server = given(
    await startNameServer({
      addresses: [LOCAL],
      port,
      authority: authorityOf(zoneOf('@ 60 NS ns.other.\nwww 60 A 192.0.2.1')),
      cookies: { secrets: [Buffer.from(SECRET, 'hex')], isRequired: true },
      hooks: {
        update: () => Promise.resolve({ rcode: RCODE.REFUSED }),
        notify: () => Promise.resolve({ rcode: RCODE.REFUSED }),
      },
      log: SILENT_LOG,
      udp: udpOfRun,
    }),
  );
  t.teardown(() => server.close());
  const askFor = (...args: string[]) => dig({ server: LOCAL, port, args, owner: t });
  const ask = (...args: string[]) => askFor('www.example', 'A', ...args);
  const learnt = await ask('+cookie');
  t.is(learnt.status, 'NOERROR');
  t.regex(learnt.edns.join('\n'), /COOKIE: [0-9a-f]{16}01000000[0-9a-f]{24} \(good\)/);
  t.is((await ask('+cookie', '+nobadcookie')).status, 'BADCOOKIE');
  const alone = await askFor('+header-only', '+cookie');
  t.is(alone.status, 'NOERROR');
  t.regex(alone.edns.join('\n'), /COOKIE: .* \(good\)/, 'RFC 7873 5.4');
  t.is((await ask('+nocookie')).answer.length, 1, 'over TCP');
  t.is((await ask('+nocookie', '+ignore')).answer.length, 0);
  const told = await ask('+cookie', '+nsid', '+keepalive', '+tcp', '+ednsopt=19');
  t.regex(told.text, /TCP KEEPALIVE: 30\.0/);
  t.regex(told.text, /NSID: .*ns\.test/);
  t.regex((await askFor('example', 'SOA', '+expire')).text, /EXPIRE: \d+/);
});
