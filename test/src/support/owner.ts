/**
 * Who owns what a test has started: the test itself (ava's `t`), or a whole test file.
 *
 * What is owned (processes, folders) ends with its owner, the last started first, and shows its output where the owner
 * failed. A test passes its `t`; a `before` hook, where ava forbids `t.teardown`, passes `forFile(test)`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestFn } from 'ava';

/** The part of ava's execution context that owning needs. */
export interface Owner {
  /** Runs `end` when the owner is done; the last one given runs first. */
  teardown(end: () => unknown): void;
  /** Whether nothing has failed so far; final when `end` runs. */
  readonly passed: boolean;
  /** Says something in the report of the test. */
  log(...text: string[]): void;
}

/** An owner that lives until all tests of this file are done. To be called once, at the top of a test file. */
export const forFile = (test: TestFn<unknown>): Owner => {
  const ends: (() => unknown)[] = [];
  let passed = true;
  test.afterEach.always('note whether the test passed', (t) => {
    passed &&= t.passed;
  });
  test.after.always('end what the file has started', async () => {
    for (const end of ends.reverse()) await end();
  });
  return {
    teardown: (end) => void ends.push(end),
    get passed() {
      return passed;
    },
    log: (...text) => void process.stderr.write(`${text.join(' ')}\n`),
  };
};

/** A new empty folder below the system's temporary one; it is removed with its owner. */
export const temporaryFolder = (owner: Owner, name = 'test'): string => {
  const folder = mkdtempSync(join(tmpdir(), `zonewright-${name}-`));
  owner.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
};
