/** A thousand updates, one after the other, at a primary with a secondary: what comes there, and in which form. */
import { parseTsigKey } from '@zonewright/common/authority/key';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import anyTest from 'ava';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf } from '../support/records.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, SECONDARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { updateRecordOf } from '../support/update-text.ts';

const UPDATES = 1000;
/** Octets of an address that tells one update from the next. */
const addressOf = (n: number): string => `10.0.${n >> 8}.${n & 255}`;

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig']);

test('a thousand updates one after the other come to a secondary as differences, none as a whole zone', async (t) => {
  const [admin, transfer] = [
    secrecy.newKey('admin._update'),
    secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.mirage`),
  ];
  const repository = await makeRepository(t, { _keys: [admin, transfer].map(keyLine).join(''), mirage: zoneText(1) });
  const port = await freePort(PRIMARY, SECONDARY);
  await startScene(t, secrecy, 'primary', ['--remote', repository.path, '--data', temporaryFolder(t)], { port });
  const secondary = await startScene(t, secrecy, 'secondary', ['--keys', transfer], { port });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  const key = given(parseTsigKey(admin));
  const origin = nameOf('mirage.');
  for (let n = 1; n <= UPDATES; n++) {
    const message = {
      ...emptyMessage(0, OPCODE.UPDATE),
      questions: [{ name: origin, type: TYPE.SOA, class: CLASS.IN }],
      authorities: ['delete a A', `add a 60 A ${addressOf(n)}`].map((line) => updateRecordOf(line, origin)),
    };
    const reply = given(await exchange({ server: { address: PRIMARY, port }, message, key, timeout: 30_000 }));
    t.is(reply.rcode, RCODE.NOERROR, `update ${n}`);
  }
  await secondary.shows(`NOERROR ${addressOf(UPDATES)}`, 'a.mirage');
  const forms = [...secondary.service.text().matchAll(/"event":"transfer\.in".*"form":"(\w+)"/g)].map(
    ([, form]) => form,
  );
  t.log(`${forms.length - 1} transfers of ${UPDATES} updates`);
  t.is(forms[0], 'AXFR', 'the first has nothing to start from');
  t.deepEqual([...new Set(forms.slice(1))], ['IXFR']);
  t.notRegex(secondary.service.text(), /transfer\.ixfr-failed/);
});
