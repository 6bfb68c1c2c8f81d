/**
 * The convergence test as a program, to be run in a network namespace, where the one who updates and looks is: `main.js SEED SECONDS`. It prints
 * its report as JSON on one line, and ends with 0 also where there are faults.
 */
import { randomBytes } from 'node:crypto';
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

const [seed, length] = process.argv.slice(2).map(Number);
try {
  const report = await converge(owner, secrecy, { seed: seed!, length: length! });
  const text = JSON.stringify(report);
  const shown = secrets.some((secret) => text.includes(secret)) ? ['a server has shown a secret'] : [];
  process.stdout.write(`${JSON.stringify({ ...report, faults: [...report.faults, ...shown] })}\n`);
} finally {
  for (const end of ends.reverse()) await end();
}
