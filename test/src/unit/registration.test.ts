/** What a primary asks a hidden secondary on the connection that this has opened. */

import type { Authority } from '@zonewright/common/authority/authority';
import { type Key, KeyTable, parseKey } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { Connection } from '@zonewright/common/net/connection';
import { CLASS } from '@zonewright/common/rr/class';
import { readSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer } from '@zonewright/common/service/name-server';
import { Replica } from '@zonewright/common/service/replica';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import { sign, verify } from '@zonewright/common/wire/tsig';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordsFrom, zoneOf } from '../support/records.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const key = given(parseKey(`x.127.0.0.1._transfer.example:SHA256:${SECRET}`));
const origin = nameOf('example.');

const authorityOf = (isPrimary: boolean): Authority => ({
  zones: new ZoneTable(),
  keys: new KeyTable([key]),
  identity: { version: 'test', id: 'test' },
  isTransferOpen: false,
  isPrimary,
  historyOf: () => undefined,
  expiryOf: () => 86_400,
});

test('a hidden secondary says on its own connection which serial it serves, to who signs, and takes NOTIFYs there', async (t) => {
  const port = await freePort();
  const primary = authorityOf(true);
  primary.zones.set(zoneOf('@ 60 NS ns.other.'));
  let registered: Connection | undefined;
  const refused = async () => ({ rcode: RCODE.REFUSED });
  const server = given(
    await startNameServer({
      addresses: ['127.0.0.1'],
      port,
      authority: primary,
      log: SILENT_LOG,
      hooks: {
        update: refused,
        notify: refused,
        register: (connection) => {
          connection.keep();
          registered = connection;
        },
      },
    }),
  );
  t.teardown(() => server.close());
  const secondary = authorityOf(false);
  const sources = [{ key, primary: { address: '127.0.0.1', port }, isHidden: true }];
  const refusals: unknown[] = [];
  const warn = (event: string, fields = {}): void => void refusals.push({ event, ...fields });
  const replica = new Replica({ sources, authority: secondary, log: { ...SILENT_LOG, warn } });
  t.teardown(() => replica.stop());
  replica.start();
  await until(() => registered !== undefined && secondary.zones.get(origin)?.serial === 1, {
    what: 'it has registered and has the zone',
  });
  const ask = async (opcode: number, isSigned: boolean, name = origin): Promise<Message> => {
    const questions = [{ name, type: TYPE.SOA, class: CLASS.IN }];
    const plain = encodeMessage({ ...emptyMessage(7, opcode), questions });
    const now = Math.floor(Date.now() / 1000);
    const signed = sign(plain, key, { now });
    const octets = given(await registered!.request(isSigned ? signed.octets : plain, 10_000));
    const message = given(decodeMessage(octets));
    if (isSigned) t.true(verify(octets, message.tsig!, key, { now, priorMac: signed.mac }).ok);
    return message;
  };
  const [soa] = (await ask(OPCODE.QUERY, true)).answers;
  t.is(readSoa(soa!.rdata).serial, 1);
  t.is((await ask(OPCODE.NOTIFY, true)).rcode, RCODE.NOERROR);
  t.is((await ask(OPCODE.NOTIFY, false)).rcode, RCODE.NOERROR, 'it comes from the primary of the zone');
  t.deepEqual(refusals, []);
  t.is((await ask(OPCODE.NOTIFY, true, nameOf('elsewhere.'))).rcode, RCODE.REFUSED);
  const peer = `127.0.0.1:${port}`;
  t.deepEqual(refusals, [{ event: 'request.refused', reason: 'denied', count: 1, peer, key: key.name.toString() }]);
});

test('of a key for all zones it is said once what is wrong with its primary, though no zone is known', async (t) => {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const log = { ...SILENT_LOG, warn: (event: string, fields = {}) => void lines.push({ event, ...fields }) };
  const port = await freePort();
  const clock = new VirtualClock();
  const forAll = given(parseKey(`127.0.0.1.127.0.0.2._transfer:SHA256:${SECRET}`));
  const sources = [{ key: forAll, primary: { address: '127.0.0.1', port }, isHidden: false }];
  let tries = 0;
  const random = (): number => {
    tries++;
    return 0.5;
  };
  const replica = new Replica({ sources, authority: authorityOf(false), log, clock, random });
  t.teardown(() => replica.stop());
  replica.start();
  await until(() => clock.advance(1000).then(() => tries > 2), { what: 'it has tried again' });
  t.deepEqual(lines, [
    {
      event: 'primary.failed',
      primary: `127.0.0.1:${port}`,
      key: '127.0.0.1.127.0.0.2._transfer.',
      what: `cannot reach 127.0.0.1:${port}: connection refused`,
    },
  ]);
});

test('a secondary with more keys for a primary than this allows it connections registers all of them on one', async (t) => {
  const port = await freePort();
  const keys = Array.from({ length: 150 }, (_, i) =>
    given(parseKey(`127.0.0.1.127.0.0.1._transfer.z${i}.example:SHA256:${SECRET}`)),
  );
  const primary = { ...authorityOf(true), keys: new KeyTable(keys) };
  const text = '@ 60 SOA ns hostmaster 1 3600 600 86400 300\n@ 60 NS ns.other.';
  for (const { zone } of keys) primary.zones.set(Zone.fromRecords(zone, recordsFrom(text, zone))!);
  const registered = new Map<string, Connection>();
  const refused = async () => ({ rcode: RCODE.REFUSED });
  const register = (connection: Connection, { name }: Key): void => {
    connection.keep();
    registered.set(name.key, connection);
  };
  const hooks = { update: refused, notify: refused, register };
  const started = await startNameServer({ addresses: ['127.0.0.1'], port, authority: primary, log: SILENT_LOG, hooks });
  const server = given(started);
  t.teardown(() => server.close());
  const secondary = { ...authorityOf(false), keys: new KeyTable(keys) };
  const sources = keys.map((each) => ({ key: each, primary: { address: '127.0.0.1', port }, isHidden: false }));
  const replica = new Replica({ sources, authority: secondary, log: SILENT_LOG });
  t.teardown(() => replica.stop());
  replica.start();
  const came = (): number => [...secondary.zones].length;
  await until(() => registered.size === keys.length && came() === keys.length, {
    what: 'all keys have registered, and all zones have come',
  });
  t.is(new Set(registered.values()).size, 1);
});
