/**
 * The convergence test as a program, to be run in a network namespace, where the one who updates and looks is: `main.js SEED SECONDS FILE`.
 * Its report goes to the file, as JSON; it ends with 0 also where there are faults.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Owner } from '../support/owner.ts';
import type { Secrecy } from '../support/secrecy.ts';
import { start } from '../support/zonewright.ts';
import { converge } from './convergence.ts';

const ends: (() => unknown)[] = [];
const owner: Owner = {
  teardown: (end) => void ends.push(end),
  passed: true,
  log: (...text) => void process.stderr.write(`${text.join(' ')}\n`),
};
const secrets: string[] = [];
const secrecy: Secrecy = {
  newKey: (name, algorithm = 'SHA256') => {
    const secret = randomBytes(32).toString('base64');
    secrets.push(secret);
    return `${name}:${algorithm}:${secret}`;
  },
  start,
  look: () => undefined,
};

const [seed, length, file] = process.argv.slice(2);
try {
  const report = await converge(owner, secrecy, { seed: Number(seed), length: Number(length) });
  const text = JSON.stringify(report);
  const shown = secrets.some((secret) => text.includes(secret)) ? ['a server has shown a secret'] : [];
  writeFileSync(file!, JSON.stringify({ ...report, faults: [...report.faults, ...shown] }));
} finally {
  for (const end of ends.reverse()) await end();
}
