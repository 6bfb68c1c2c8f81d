/** A running secondary, and a primary that plays what a test gives it: each zone another thing. */
import { parseTsigKey } from '@zonewright/common/authority/key';
import type { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { decodeMessage, emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { sign } from '@zonewright/common/wire/tsig';
import type { ExecutionContext } from 'ava';
import { exchangeDatagram } from './datagram.ts';
import { dig } from './dig.ts';
import { addressLine, type Play, sending, soaLine, wholeText } from './hostile-transfers.ts';
import { freePort } from './ports.ts';
import { given, nameOf, recordOf } from './records.ts';
import { PRIMARY, type Scene, SECONDARY, startScene } from './scene.ts';
import { startScriptedPrimary } from './scripted-primary.ts';
import type { secrecyOf } from './secrecy.ts';
import { until } from './until.ts';

type Test = ExecutionContext<unknown>;
type Secrecy = ReturnType<typeof secrecyOf>;

/** The first version of each zone, and that in which all is well again. */
const FIRST = sending(wholeText(1, addressLine(1)));
const [LAST_SERIAL, LAST_ADDRESS] = [9, 99];
const LAST = sending(wholeText(LAST_SERIAL, addressLine(LAST_ADDRESS)));

export interface Stage {
  readonly secondary: Scene;
  /** From now on this is what a zone is answered with; the secondary is told that there is this serial. */
  offer(zone: string, serial: number, play: Play): Promise<void>;
  /** Waits until the secondary has taken a version. */
  takes(zone: string, serial: number): Promise<void>;
  /** All that the secondary serves of a zone, by a transfer and in an answer. */
  served(zone: string): Promise<readonly string[]>;
}

/** Starts both; the key is the secondary's for `example`, and whoever hosts the test sees that nothing of it is told. */
export const setStage = async (t: Test, secrecy: Secrecy): Promise<Stage> => {
  const keyText = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.example`);
  const key = given(parseTsigKey(keyText));
  const port = await freePort(PRIMARY, SECONDARY);
  const plays = new Map<string, readonly [serial: number, play: Play]>();
  const playOf = ({ key: of }: Name) => plays.get(of) ?? ([1, FIRST] as const);
  await startScriptedPrimary(t, key, port, {
    soa: (origin) => recordOf(soaLine(playOf(origin)[0]), origin),
    transfer: (answering) => {
      const { name, type } = answering.request.questions[0]!;
      return playOf(name)[1](answering, type === TYPE.AXFR);
    },
  });
  const secondary = await startScene(t, secrecy, 'secondary', ['--keys', keyText], { port });
  return {
    secondary,
    offer: async (zone, serial, play) => {
      const name = nameOf(`${zone}.`);
      plays.set(name.key, [serial, play]);
      const notify = encodeMessage({
        ...emptyMessage(serial, OPCODE.NOTIFY),
        aa: true,
        questions: [{ name, type: TYPE.SOA, class: CLASS.IN }],
        answers: [recordOf(soaLine(serial), name)],
      });
      const { octets } = sign(notify, key, { now: Math.floor(Date.now() / 1000) });
      // As all who send NOTIFYs do, and this process is busy with what it plays (RFC 1996 3.6).
      const reply = await until(() => exchangeDatagram(SECONDARY, port, octets), {
        what: `a NOTIFY of ${zone} is answered`,
        timeout: 30_000,
      });
      t.is(given(decodeMessage(reply!)).rcode, RCODE.NOERROR, zone);
    },
    takes: async (zone, serial) => {
      await secondary.service.waitForEvent('transfer.in', { zone: `${zone}.`, serial }, { timeout: 60_000 });
    },
    served: async (zone) => {
      const whole = await dig({ server: SECONDARY, port, args: [zone, 'AXFR'], key: keyText, owner: t });
      const records = whole.answer.map(({ name, ttl, type, data }) => `${name} ${ttl} ${type} ${data}`);
      return [...records, await secondary.look(`a.${zone}`)];
    },
  };
};

/** Takes zones to the stage in which they are served with serial 1. */
export const begin = async (stage: Stage, zones: readonly string[]): Promise<readonly (readonly string[])[]> => {
  await stage.takes('example', 1);
  for (const zone of zones) await stage.offer(zone, 1, FIRST);
  for (const zone of zones) await stage.takes(zone, 1);
  return Promise.all(zones.map((zone) => stage.served(zone)));
};

/** Waits until the secondary says what is wrong with what was sent last: of differences, and of a whole zone. */
export const complains = async ({ secondary }: Stage, zone: string, fault: RegExp, timeout = 60_000): Promise<void> => {
  await secondary.service.waitForLine(
    (text) =>
      /"event":"(?:refresh\.failed|transfer\.ixfr-failed)"/.test(text) &&
      text.includes(`"${zone}."`) &&
      fault.test(JSON.parse(text).what),
    { timeout },
  );
  await secondary.service.waitForEvent('refresh.failed', { zone: `${zone}.` }, { timeout });
};

/** Offers what is good, and waits until that is served. */
export const recovers = async (t: Test, stage: Stage, zones: readonly string[]): Promise<void> => {
  for (const zone of zones) await stage.offer(zone, LAST_SERIAL, LAST);
  for (const zone of zones) await stage.takes(zone, LAST_SERIAL);
  for (const zone of zones) t.is(await stage.secondary.look(`a.${zone}`), `NOERROR 192.0.2.${LAST_ADDRESS}`, zone);
  t.is(stage.secondary.service.exit, undefined);
  t.notRegex(stage.secondary.service.text(), /process\.fault|thread-lost/);
};
