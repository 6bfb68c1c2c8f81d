/** What all commands of this folder share: run the built program, or say in one line why that cannot be. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAIN = new URL('../cli/dist/main.js', import.meta.url);
const USAGE = 2;

function leave(text) {
  process.stderr.write(`zonewright: ${text}\n`);
  process.exit(USAGE);
}

/** Runs `zonewright` with these words before those of the command line. */
export async function run(...words) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) leave(`needs Node 20.19 or later; this is ${process.versions.node}`);
  if (!existsSync(fileURLToPath(MAIN))) leave('not built yet: run "npm ci && npm run build"');
  let program;
  try {
    program = await import(MAIN.href);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    leave('not completely built or installed: run "npm ci && npm run build"');
  }
  await program.main([...words, ...process.argv.slice(2)]);
}
