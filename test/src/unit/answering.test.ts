/** The options that a name server guards itself with. */

import { availableParallelism } from 'node:os';
import { CookieJar } from '@zonewright/common/authority/cookie';
import { type AnsweringSettings, answeringOf } from '@zonewright/common/service/answering';
import { defineCommand, readValues } from '@zonewright/common/service/options';
import { ANSWERING_OPTIONS } from '@zonewright/common/service/service-options';
import test from 'ava';

const NEW = '445536bcd2513298075a5d379663c962';
const OLD = 'DD3BDF9344B678B185A6F5CB60FCA715';

type Given = Parameters<typeof readValues>[2];

/** The settings that a command line makes, or what is wrong with it. */
const guards = async (given: Given): Promise<AnsweringSettings | string> => {
  let settings: AnsweringSettings | undefined;
  const command = defineCommand({
    name: 'server',
    summary: 'x',
    arguments: [],
    options: ANSWERING_OPTIONS,
    run: async (values) => {
      settings = answeringOf(values);
      return 0;
    },
  });
  const values = readValues(command, [], given, {});
  if (!values.ok) return values.fault.map(({ what, hint }) => `${what} (${hint})`).join('; ');
  await command.run(values.value, undefined as never);
  return settings!;
};

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

test('without options cookies have a random secret, nobody has to show one, no rate is limited, and sets keep their order', async (t) => {
  const [one, other] = [await guards({}), await guards({})] as [AnsweringSettings, AnsweringSettings];
  t.is(one.rateLimit, undefined);
  t.false(one.isRotating);
  t.false(one.cookies.isRequired);
  t.true(one.isSecretRenewed);
  t.is(one.cookies.secrets[0]!.length, 16);
  t.notDeepEqual(one.cookies.secrets, other.cookies.secrets);
  t.notThrows(() => new CookieJar(one.cookies));
});

test('there is a thread that answers UDP for each core but one, at least one, and as many as asked for', async (t) => {
  const given = (await guards({})) as AnsweringSettings;
  t.deepEqual([given.udpWorkers, given.udp], [Math.max(1, availableParallelism() - 1), 'auto']);
  const asked = (await guards({ 'udp-workers': ['5'], udp: ['portable'] })) as AnsweringSettings;
  t.deepEqual([asked.udpWorkers, asked.udp], [5, 'portable']);
});

test('secrets for cookies are taken in their order, and limits as numbers', async (t) => {
  const settings = (await guards({
    'cookie-secret': [NEW, OLD],
    'require-cookies': true,
    'rate-limit': ['20'],
    'rate-limit-slip': ['0'],
  })) as AnsweringSettings;
  t.deepEqual(settings.cookies.secrets.map(hex), [NEW, OLD.toLowerCase()]);
  t.true(settings.cookies.isRequired);
  t.false(settings.isSecretRenewed, 'it is its owner who replaces it');
  t.like(settings.rateLimit, { rate: 20, slip: 0 });
  t.like(((await guards({ 'rate-limit': ['1'] })) as AnsweringSettings).rateLimit, { rate: 1, slip: 2 });
});

test('a secret that is none is refused without being shown', async (t) => {
  for (const secret of [NEW.slice(1), `${NEW}00`, `${NEW.slice(1)}g`]) {
    const fault = await guards({ 'cookie-secret': [secret] });
    t.regex(String(fault), /--cookie-secret: a cookie secret of \d+ characters \(32 hexadecimal digits/);
    t.false(String(fault).includes(secret));
  }
  for (const rate of ['0', '100001', 'x']) t.regex(String(await guards({ 'rate-limit': [rate] })), /--rate-limit/);
});
