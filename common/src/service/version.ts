/** The version of this Zonewright, as its package says. */
import { readFileSync } from 'node:fs';

const description = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** For `--version`, `version.server.` and the `ready` event: `0.1.0`. */
export const VERSION: string = description.version;
