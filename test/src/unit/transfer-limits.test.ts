/** How many transfers come in at a time, from one primary and in all: who is slow holds up no more than that, and nobody is forgotten. */
import { parseKey } from '@zonewright/common/authority/key';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { DnsUpstream } from '@zonewright/common/service/upstream';
import test from 'ava';
import { sending, soaLine, wholeText } from '../support/hostile-transfers.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordOf } from '../support/records.ts';
import { startScriptedPrimary } from '../support/scripted-primary.ts';
import { until } from '../support/until.ts';

const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const key = given(parseKey(`x.127.0.0.1._transfer:SHA256:${SECRET}`));

const [FROM_ONE, IN_ALL] = [10, 20];
const ZONES = Array.from({ length: 15 }, (_, i) => nameOf(`z${i}.example.`));
const NEW = nameOf('new.example.');

test('what somebody waits for is transferred before all that merely starts, also where there is nothing of it yet', async (t) => {
  const begun: string[] = [];
  const held: (() => void)[] = [];
  const server = await startScriptedPrimary(t, key, await freePort(), {
    soa: (origin) => recordOf(soaLine(1), origin),
    transfer: async (answering) => {
      begun.push(answering.request.questions[0]!.name.toString());
      await new Promise<void>((release) => held.push(release));
      answering.close();
    },
  });
  const upstream = new DnsUpstream({ log: SILENT_LOG });
  t.teardown(() => upstream.close());
  const asked = ZONES.map((origin) => upstream.ask({ server, key }, { origin, current: undefined }));
  await until(() => begun.length, {
    what: 'all places are taken',
    holds: (seen) => seen === FROM_ONE,
  });
  const urgent = { origin: NEW, current: undefined, promised: 1, isUrgent: true };
  asked.push(upstream.ask({ server, key }, urgent));
  held[0]!();
  await until(() => begun[FROM_ONE], { what: 'the next', holds: (zone) => zone !== undefined });
  t.is(begun[FROM_ONE], 'new.example.');
  await upstream.close();
  await Promise.all(asked);
});

test('ten transfers of one primary and twenty in all are under way at a time, and the others wait for their turn', async (t) => {
  let isOpen = false;
  const held: (() => void)[] = [];
  const most = { inAll: 0, fromOne: 0 };
  let inAll = 0;
  const start = async () => {
    let fromOne = 0;
    const play = sending(wholeText(1));
    return startScriptedPrimary(t, key, await freePort(), {
      soa: (origin) => recordOf(soaLine(1), origin),
      transfer: async (answering) => {
        most.fromOne = Math.max(most.fromOne, ++fromOne);
        most.inAll = Math.max(most.inAll, ++inAll);
        if (!isOpen) await new Promise<void>((release) => held.push(release));
        fromOne--;
        inAll--;
        await play(answering, true);
      },
    });
  };
  const servers = [await start(), await start(), await start()];
  const upstream = new DnsUpstream({ log: SILENT_LOG });
  t.teardown(() => upstream.close());
  const asked = ZONES.flatMap((origin) =>
    servers.map((server) => upstream.ask({ server, key }, { origin, current: undefined })),
  );
  await until(() => held.length, { what: 'all places are taken', holds: (seen) => seen >= IN_ALL });
  isOpen = true;
  for (const release of held) release();
  for (const outcome of await Promise.all(asked)) t.is(given(outcome).applied?.zone.serial, 1);
  t.deepEqual(most, { inAll: IN_ALL, fromOne: FROM_ONE });
});
