/** The files that `$INCLUDE` needs, read before they are needed: a file that asks for too many, or too much, gets no more. */
import { IncludedFiles } from '@zonewright/common/master/include';

export type ReadFile = (fileName: string) => Uint8Array | undefined;

/** Gives the files that versions of a file include. `read`: their content, `undefined` where there is none that may be had. */
export function includedBy(versions: readonly (Uint8Array | undefined)[], read: ReadFile): ReadFile {
  const files = new Map<string, Uint8Array | undefined>();
  for (const octets of versions) {
    if (octets === undefined) continue;
    const included = new IncludedFiles(octets);
    for (let name = included.next(); name !== undefined; name = included.next()) {
      if (!files.has(name)) files.set(name, read(name));
      included.give(name, files.get(name));
    }
  }
  return (name) => files.get(name);
}
