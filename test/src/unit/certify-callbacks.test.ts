/** What the functions that a service hands to the library of `certify` throw: it is said, and ends nothing. */
import { certificateRequest, keepCertificate, type RoundEvent } from '@zonewright/cli/certify/library';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

const warningsOf = (t: ExecutionContext): readonly string[] => {
  const warnings: string[] = [];
  const hear = ({ name, message }: Error): void => {
    if (name === 'ZonewrightWarning') warnings.push(message);
  };
  process.on('warning', hear);
  t.teardown(() => process.off('warning', hear));
  return warnings;
};

/** Ways in which a function fails, and what is said of it. */
const FAILURES: readonly (readonly [() => unknown, string])[] = [
  [() => thrown(new Error('no disk')), 'no disk'],
  [() => thrown(undefined), 'undefined'],
  [() => thrown(Object.create(null)), '[Object: null prototype] {}'],
  [async () => thrown(new Error('later')), 'later'],
];

const thrown = (what: unknown): never => {
  throw what;
};

test('whatever the functions that are told of rounds throw is said, and the next round follows', async (t) => {
  const warnings = warningsOf(t);
  const server = `127.0.0.1:${await freePort()}`;
  const folder = temporaryFolder(t, 'certify');
  const request = certificateRequest({ server, hostname: 'www.certified.test', folder });
  if (!request.ok) throw new Error(request.fault.what);
  for (const [failure, reason] of FAILURES) {
    const from = warnings.length;
    const events: RoundEvent[] = [];
    const kept = keepCertificate(request.value, {
      onCertificate: () => undefined,
      onRound: (event) => {
        events.push(event);
        return failure() as undefined;
      },
      onProgress: () => failure() as undefined,
    });
    const rounds = (count: number) =>
      until(() => events.length, { what: `${count} rounds`, holds: (length) => length >= count });
    await rounds(1);
    kept.again();
    await rounds(2);
    await until(() => warnings.slice(from), {
      what: 'both are said',
      holds: (all) => all.filter((text) => text === `onRound failed: ${reason}`).length === 2,
    });
    t.like(events, [{ kind: 'fault', fault: { kind: 'unreachable' } }, { kind: 'fault' }], 'the fault is the real one');
    await kept.stop();
  }
  t.true(warnings.includes('onProgress failed: no disk'));
});
