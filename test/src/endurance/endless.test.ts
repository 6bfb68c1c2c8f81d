/**
 * Transfers without end, at a running secondary: until they are given up they hold up no others, and change nothing.
 */
import type { Name } from '@zonewright/common/name';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import anyTest from 'ava';
import { begin, complains, recovers, setStage } from '../support/hostile-stage.ts';
import { addressLine, differing, manyAddresses, type Play, soaLine } from '../support/hostile-transfers.ts';
import { testWith } from '../support/needs.ts';
import { recordOf } from '../support/records.ts';
import { secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['dig']);

/** Sends the same message without end, after the SOA; once, and then nothing. */
const endless =
  (message: (origin: Name) => readonly ResourceRecord[]): Play =>
  async ({ request, send, close }, isWhole) => {
    if (isWhole) return close();
    const origin = request.questions[0]!.name;
    await send([recordOf(soaLine(2), origin)]);
    const records = message(origin);
    while (await send(records));
    return undefined;
  };

/** Without end: too many records, and too many octets. */
const ENDLESS: Readonly<Record<string, readonly [play: Play, fault: RegExp]>> = {
  'records.example': [endless((origin) => manyAddresses(origin, 4000)), /more than 5000000 records/],
  'octets.example': [
    endless((origin) => [recordOf(`b 60 TYPE65280 \\# 60000 ${'00'.repeat(60_000)}`, origin)]),
    /more than 536870912 octets/,
  ],
};

test('transfers without end hold up no others, change nothing, and are given up', async (t) => {
  const stage = await setStage(t, secrecy);
  let isSilent = false;
  const silent: Play = async ({ request, send, close }, isWhole) => {
    if (isWhole) return close();
    isSilent = await send([recordOf(soaLine(2), request.questions[0]!.name)]);
    return undefined;
  };
  const zones = ['silent.example', ...Object.keys(ENDLESS)];
  const before = await begin(stage, [...zones, 'other.example']);
  await stage.offer('silent.example', 2, silent);
  for (const [zone, [play]] of Object.entries(ENDLESS)) await stage.offer(zone, 2, play);
  await until(() => isSilent, { what: 'a transfer has begun' });
  const change = differing(soaLine(2), soaLine(1), addressLine(1), soaLine(2), addressLine(2), soaLine(2));
  await stage.offer('other.example', 2, change);
  await stage.takes('other.example', 2);
  t.is(await stage.secondary.look('a.other.example'), 'NOERROR 192.0.2.2');
  const isAsBefore = async (what: string): Promise<void> => {
    for (const [i, zone] of zones.entries()) t.deepEqual(await stage.served(zone), before[i], `${zone} ${what}`);
  };
  await isAsBefore('while it is transferred');
  for (const [zone, [, fault]] of Object.entries(ENDLESS)) await complains(stage, zone, fault, 120_000);
  await complains(stage, 'silent.example', /no reply .* within/, 120_000);
  await isAsBefore('afterwards');
  await recovers(t, stage, zones);
});
