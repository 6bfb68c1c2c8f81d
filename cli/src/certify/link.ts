/** Files that are reached by symbolic links: what is written beside one and renamed would take the place of the link. */
import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';

/** Links that are followed, one after the other; as many as Linux follows. */
const MAX_LINKS = 40;

/** Where a file is, or would be, without links in its own name. Throws as `node:fs` does. */
export async function placeOf(file: string): Promise<string> {
  let at = file;
  for (let links = 0; links <= MAX_LINKS; links++) {
    const target = await readlink(at).catch(() => undefined);
    if (target === undefined) return at === file ? file : join(await realpath(dirname(at)), basename(at));
    // Not joined: `a/..` is another folder than the one `a` is in where `a` is a link.
    at = isAbsolute(target) ? target : `${dirname(at)}/${target}`;
  }
  throw Object.assign(new Error(`too many links: ${file}`), { code: 'ELOOP' });
}
