/**
 * A process that tidies a cache, for tests that kill it amid that: `sweep-program.js URL FOLDER COMMIT OBJECT...`. It fetches, tidies whatever
 * there is, and says on standard output what came of it.
 */
import { parseRemote } from '@zonewright/common/git/remote';
import { openStore } from '@zonewright/common/git/store';
import { given } from './records.ts';

const [url = '', directory = '', commit = '', ...objects] = process.argv.slice(2);
const store = given(await openStore(given(parseRemote(url)), { directory, tidy: { spareOctets: 0, spareFiles: 0 } }));
given(await store.fetch());
process.stdout.write(`${JSON.stringify(given(await store.tidy({ commit, objects })) ?? null)}\n`);
await store.close();
