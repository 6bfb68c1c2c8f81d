/**
 * The same odd messages to our server, BIND, Knot and NSD: who answers, and with what. Reactions that differ and may are rows of
 * `odd-differences.ts`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { nastyZones } from '../support/nasty.ts';
import { testWith } from '../support/needs.ts';
import { ODD_MESSAGES } from '../support/odd-messages.ts';
import { PEERS, startAuthorities } from '../support/peer-servers.ts';
import { Reactions, reactionDifferences } from '../support/reaction.ts';
import { root } from '../support/zonewright.ts';
import { ANSWER_DIFFERENCES } from './differences.ts';
import { ODD_DIFFERENCES } from './odd-differences.ts';
import { SIGNED_DIFFERENCES } from './signed-differences.ts';

testWith(test, ['named', 'knotd', 'nsd'])(
  'odd messages are met as BIND, Knot and NSD meet them, but for what is listed, and no one is listed for nothing',
  async (t) => {
    const authorities = await startAuthorities(
      t,
      nastyZones().filter(({ theme }) => theme === '1034-4.3.2-steps'),
    );
    const servers = await Promise.all(authorities.map(({ asker, server }) => Reactions.of(asker.peer, server)));
    t.teardown(() => {
      for (const server of servers) server.close();
    });
    const unlisted: string[] = [];
    const seen = new Set<string>();
    for (const { what, octets } of ODD_MESSAGES) {
      const [ours, ...theirs] = await Promise.all(servers.map((server) => server.to(octets)));
      for (const [i, peer] of PEERS.entries()) {
        for (const kind of reactionDifferences(ours, theirs[i])) {
          const row = ODD_DIFFERENCES.find(
            ({ peers, kinds, messages }) => peers.includes(peer) && kinds.test(kind) && messages?.test(what) !== false,
          );
          if (row === undefined) unlisted.push(`${what}: ${kind} (${peer})`);
          else seen.add(`${row.id} ${peer}`);
        }
      }
    }
    t.log(`${ODD_MESSAGES.length} messages`);
    t.deepEqual(unlisted, []);
    const listed = ODD_DIFFERENCES.flatMap(({ id, peers }) => peers.map((peer) => `${id} ${peer}`));
    t.deepEqual(
      listed.filter((row) => !seen.has(row)),
      [],
    );
  },
);

test('the page of differences has the rows of all tables, and no others', (t) => {
  const page = readFileSync(join(root, 'docs/differences.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([\w-]+)` *\| ([\w, ]+?) *\|/gm)].map(([, id, peers]) => `${id}: ${peers}`);
  const names = { bind: 'BIND', knot: 'Knot', nsd: 'NSD' } as const;
  const listed = [...ANSWER_DIFFERENCES, ...SIGNED_DIFFERENCES, ...ODD_DIFFERENCES].map(
    ({ id, peers }) => `${id}: ${peers.map((peer) => names[peer]).join(', ')}`,
  );
  t.deepEqual(rows.sort(), listed.sort());
});
