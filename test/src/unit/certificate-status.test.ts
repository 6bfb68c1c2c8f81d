/** The status text beside a request: what it says is what was written, whatever the reason is. */
import {
  formatStatus,
  parseStatus,
  STATUS_REASON_OCTETS,
  STATUS_STATES,
  type StatusText,
  statusOf,
  statusRdata,
} from '@zonewright/letsencrypt/status';
import test from 'ava';
import fc from 'fast-check';

const NEXT = Date.UTC(2026, 10, 22, 3, 42, 7);

test('a status reads as the text that it is documented to be', (t) => {
  const status: StatusText = { state: 'refused', reason: 'CAA of example.com allows other CAs', next: NEXT };
  const text = 'status=refused reason="CAA of example.com allows other CAs" next=2026-11-22T03:42:07Z';
  t.is(formatStatus(status), text);
  t.deepEqual(parseStatus(text), status);
  t.is(formatStatus({ state: 'issued' }), 'status=issued');
  const whole = `${text} failures=3 request=0123456789abcdef`;
  t.deepEqual(parseStatus(whole), { ...status, failures: 3, request: '0123456789abcdef' });
  t.is(formatStatus({ ...status, failures: 3, request: '0123456789abcdef0123' }), whole);
});

test('a time is rounded up to a second, so that nobody comes too early', (t) => {
  t.deepEqual(parseStatus(formatStatus({ state: 'waiting', next: NEXT - 999 })), { state: 'waiting', next: NEXT });
});

test('what is no status text of ours is told apart', (t) => {
  const others = [
    '',
    'v=spf1 -all',
    'status=',
    'status=fine',
    'status=refused next=soon',
    'status=refused next=2026-13-41T00:00:00Z',
    'status=refused reason=""',
    'status=refused reason="a"b"',
    'status=refused  reason="a"',
    'status=refused next=2026-11-22T03:42:07Z reason="a"',
    'status=refused reason="a\\"',
    'status=issued\n',
    ' status=issued',
    `status=refused reason="${'x'.repeat(300)}"`,
  ];
  for (const text of others) t.is(parseStatus(text), undefined, text);
  t.is(statusOf(Uint8Array.of()), undefined);
  t.is(statusOf(Uint8Array.of(13, ...Buffer.from('status=issued'), 0)), undefined, 'two character-strings');
});

test('whatever the reason is, a status fits one character-string of printable ASCII and is read again', (t) => {
  const status = fc.record(
    {
      state: fc.constantFrom(...STATUS_STATES),
      reason: fc.string({ unit: 'binary', maxLength: 400 }),
      next: fc.integer({ min: 0, max: 4e12 }),
      failures: fc.integer({ min: 1, max: 1e6 }),
      request: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 64 }),
    },
    { requiredKeys: ['state'] },
  );
  fc.assert(
    fc.property(status, (one) => {
      const text = formatStatus(one as StatusText);
      t.regex(text, /^[ -~]{1,255}$/);
      const read = parseStatus(text);
      t.is(read?.state, one.state);
      t.true((read?.reason?.length ?? 0) <= STATUS_REASON_OCTETS);
      t.is(formatStatus(read!), text);
      t.deepEqual(statusOf(statusRdata(one as StatusText)), read);
    }),
  );
});
