/** `service/handed-over.ts`: requests of a batch that go to control in one message. */
import { ROUTE } from '@zonewright/common/net/route';
import { eachRequest, HandingOver } from '@zonewright/common/service/handed-over';
import test from 'ava';
import fc from 'fast-check';

const request = fc.record({
  route: fc.uint8Array({ minLength: ROUTE.octets, maxLength: ROUTE.octets }),
  octets: fc.uint8Array({ minLength: 0, maxLength: 600 }),
});

test('what is handed over comes out as it was put in, in order, each in memory of its own', (t) => {
  const handing = new HandingOver();
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 64 }), (requests) => {
      for (const each of requests) handing.add(each);
      const handedOver = handing.take()!;
      const out = [...eachRequest(structuredClone(handedOver, { transfer: [handedOver.octets.buffer] }))];
      t.deepEqual(out, requests);
      t.true(out.every(({ octets }) => octets.buffer.byteLength === octets.length));
      t.is(handing.take(), undefined);
    }),
    { numRuns: 50 },
  );
});
