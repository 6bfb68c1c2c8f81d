/**
 * The same questions to our server, BIND, Knot and NSD about the same signed zones, with DO: signatures and proofs have to be the
 * same. Answers that differ and may are rows of `signed-differences.ts`.
 *
 * Left out, for it is compared elsewhere: ANY, and which addresses stand in the additional section.
 */
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import { parseType, printType, TYPE } from '@zonewright/common/rr/type';
import test from 'ava';
import { differences } from '../support/answer-compare.ts';
import { type Asked, chanceFrom, type Manner, messageOf, questionsOf } from '../support/nasty.ts';
import { testWith } from '../support/needs.ts';
import { forFile } from '../support/owner.ts';
import { PEERS, startAuthorities } from '../support/peer-servers.ts';
import { nameOf } from '../support/records.ts';
import { FAMILIES, signFamily } from '../support/signed-zones.ts';
import { SIGNERS } from '../support/signer.ts';
import { SIGNED_DIFFERENCES } from './signed-differences.ts';

const owner = forFile(test);
const seed = Number(process.env.SEED ?? 5155);
const { serial } = testWith(test, [...SIGNERS, 'named', 'knotd', 'nsd']);

/** Each owner is asked for its types in one manner, as is what is around it; with `LONG=1` for more types, and more by chance. */
const EXTENT =
  process.env.LONG === undefined
    ? { manners: 1, types: 2, random: 40, owners: 200 }
    : { manners: 1, types: 4, random: 150, owners: 200 };
const WITH_DO = { transport: 'tcp', size: 1232, dnssecOk: true } as const;
const MANNERS: readonly Manner[] = [
  WITH_DO,
  { ...WITH_DO, transport: 'udp' },
  { ...WITH_DO, transport: 'udp', size: 512 },
];

/** RRSIG is for nobody to ask for: Knot answers with nothing, BIND and NSD with all. */
const SET_ASIDE: ReadonlySet<number> = new Set([TYPE.ANY, TYPE.RRSIG]);

/** What chance may not ask: of names below a wildcard that begin with an asterisk, and of NSEC made from a wildcard. */
const ALWAYS = ['*.x.tree.w.example. NS', 'x.tree.w.example. NSEC', 'x.wild.child.example. NSEC'];
/** The name of an NSEC3 record, and one below it. */
const hashNames = (text: string): readonly string[] => {
  const names = new Set([...text.matchAll(/^([0-9a-v]{32}\.\S*)\s/gim)].map(([, name]) => name));
  return [...names].slice(0, 3).flatMap((name) => [`${name} A`, `${name} NSEC3`, `x.${name} A`]);
};

const askedFor = (line: string): Asked => {
  const [name = '', type = ''] = line.split(' ');
  return { name: nameOf(name), type: parseType(type)!, manner: WITH_DO };
};

const seen = new Set<string>();

for (const family of FAMILIES) {
  const { signer, denial } = family;
  serial(`answers about a zone signed with ${denial} by ${signer} are those of BIND, Knot and NSD`, async (t) => {
    t.timeout(600_000);
    const { files, unsigned } = await signFamily(owner, family);
    const zones = Object.entries(files).map(([name, text]) => ({ name: `${name}.`, text }));
    const authorities = await startAuthorities(owner, zones);
    for (const { server, refused } of authorities) t.deepEqual([...refused], [], server);
    const unlisted = new Map<string, string[]>();
    const one = async (asked: Asked): Promise<void> => {
      const message = messageOf(asked);
      const [ours, ...theirs] = await Promise.all(
        authorities.map(({ asker }) => asker.ask(message, asked.manner.transport)),
      );
      for (const [i, peer] of PEERS.entries()) {
        for (const kind of differences(ours, theirs[i]).filter((kind) => !/^(?:additional|glue) /.test(kind))) {
          const row = SIGNED_DIFFERENCES.find(
            ({ peers, kinds, themes, when }) =>
              peers.includes(peer) && kinds.test(kind) && themes?.test(denial) !== false && when?.(asked) !== false,
          );
          if (row !== undefined) seen.add(`${row.id} ${peer}`);
          else unlisted.set(`${peer}: ${kind}`, [...(unlisted.get(`${peer}: ${kind}`) ?? []), printAsked(asked)]);
        }
      }
    };
    for (const [name, text] of Object.entries(unsigned)) {
      const { zone } = readZoneFile(Buffer.from(text, 'latin1'), nameOf(name));
      const questions = [...questionsOf(zone!, EXTENT, chanceFrom(seed))].filter(({ type }) => !SET_ASIDE.has(type));
      t.log(`${name} ${questions.length} questions, SEED=${seed}`);
      await Promise.all(questions.map((asked, i) => one({ ...asked, manner: MANNERS[i % MANNERS.length]! })));
    }
    await Promise.all([...ALWAYS, ...hashNames(files.example!)].map(askedFor).map(one));
    t.deepEqual(
      [...unlisted].map(
        ([what, questions]) => `${what}, ${questions.length} times: ${questions.slice(0, 6).join(', ')}`,
      ),
      [],
    );
  });
}

const printAsked = ({ name, type, manner }: Asked): string =>
  `${name} ${printType(type)} ${manner.transport} ${manner.size}`;

serial('no difference about signed zones is listed that does not show', (t) => {
  const listed = SIGNED_DIFFERENCES.flatMap(({ id, peers }) => peers.map((peer) => `${id} ${peer}`));
  t.deepEqual(
    listed.filter((row) => !seen.has(row)),
    [],
  );
});
