/** What keys say of where zones come from, and who is told of them. */
import { parseKey } from '@zonewright/common/authority/key';
import { listensAt, sourcesOf } from '@zonewright/secondary/sources';
import test from 'ava';
import { given } from '../support/records.ts';

const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const keys = ['127.0.6.1.127.0.6.2._transfer', '127.0.6.2.127.0.6.4._transfer'].map((name) =>
  given(parseKey(`${name}:SHA256:${SECRET}`)),
);

/** Primaries of those keys that are not ours, of a server that listens on `listen` at `port` and asks at `asked`. */
const primariesOf = (listen: readonly string[], port: number, asked: number): readonly string[] =>
  given(sourcesOf(keys, asked, listensAt(listen, port))).sources.map(({ primary }) => primary.address);

test('a key that names an address of --listen is of a secondary of ours, whatever the ports', (t) => {
  t.deepEqual(primariesOf(['127.0.6.2'], 53, 53), ['127.0.6.1']);
  t.deepEqual(primariesOf(['127.0.6.2'], 8853, 853), ['127.0.6.1']);
  t.deepEqual(primariesOf(['0.0.0.0', '127.0.6.2'], 8853, 853), ['127.0.6.1']);
});

test('where all addresses are listened on, two servers of one machine are told from each other by their ports', (t) => {
  const [own, other] = ['127.0.0.1.127.0.6.4._transfer', '127.0.6.1.127.0.0.1._transfer'].map((name) =>
    given(parseKey(`${name}:SHA256:${SECRET}`)),
  );
  const ownOf = (listen: readonly string[], asked: number): number =>
    given(sourcesOf([own!, other!], asked, listensAt(listen, 53))).own.length;
  for (const listen of [[], ['::'], ['0.0.0.0']]) t.deepEqual([ownOf(listen, 53), ownOf(listen, 54)], [1, 0]);
});
