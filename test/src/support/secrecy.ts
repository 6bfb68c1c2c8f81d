/**
 * Keys whose secrets no program may show: each key made here, and each service started here, is looked at when the tests of the
 * file are done.
 */
import { randomBytes } from 'node:crypto';
import type { TestFn } from 'ava';
import { type KeyText, keyParts } from './dig.ts';
import type { Owner } from './owner.ts';
import type { Program } from './process.ts';
import { type Service, type StartOptions, start } from './zonewright.ts';

const NUMBERS: Readonly<Record<string, number>> = { SHA1: 161, SHA224: 162, SHA256: 163, SHA384: 164, SHA512: 165 };

/** A line of a key file. The name is written with its final dot. */
export const keyLine = (key: KeyText): string => {
  const { name, algorithm, secret } = keyParts(key);
  const number = NUMBERS[algorithm.replace('hmac-', '').toUpperCase()];
  if (number === undefined) throw new Error(`no number for ${algorithm}`);
  return `${name}. DNSKEY 0 3 ${number} ${secret}\n`;
};

export interface Secrecy {
  /** A new key with a random secret. */
  newKey(name: string, algorithm?: string): KeyText;
  /** As `start` of zonewright.ts. */
  start(owner: Owner, service: string, flags: readonly string[], options?: StartOptions): Promise<Service>;
  /** Looks at a further text, such as the output of a tool. */
  look(text: string): void;
}

/** To be called once, at the top of a test file. */
export const secrecyOf = (test: TestFn<unknown>): Secrecy => {
  const secrets = new Set<string>();
  const programs: Program[] = [];
  const texts: string[] = [];
  test.after.always('no secret of a key stands in any output', (t) => {
    for (const text of [...programs.map((program) => program.text()), ...texts]) {
      const shown = [...secrets].filter((secret) => text.includes(secret)).length;
      t.is(shown, 0, 'a program has shown a secret');
    }
  });
  return {
    newKey: (name, algorithm = 'SHA256') => {
      const octets = randomBytes(32);
      const secret = octets.toString('base64');
      secrets.add(secret).add(octets.toString('hex')).add(secret.slice(0, 20));
      return `${name}:${algorithm}:${secret}`;
    },
    start: async (owner, service, flags, options) => {
      const program = await start(owner, service, flags, options);
      programs.push(program);
      return program;
    },
    look: (text) => void texts.push(text),
  };
};
