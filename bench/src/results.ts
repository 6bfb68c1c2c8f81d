/**
 * `bench/RESULTS.md`: a section for each area, with the run that it is from. A run of some areas leaves the sections of the others as they
 * are.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '@zonewright/test/support/zonewright';
import { AREAS, type Area } from './measure.ts';

const FILE = join(root, 'bench/RESULTS.md');

const HEAD = `# What was measured

Written by \`npm run bench\`; [README.md](README.md) says how it is measured, and what the columns are;
[performance](../docs/performance.md) what is missed, what was tried, and what it would take.
`;

/** Sections by their heading, without it. */
export const sectionsIn = (page: string): ReadonlyMap<string, string> =>
  new Map(
    page
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n') + 1).trim()]),
  );

/** The page with one section replaced; sections stand in the order of the areas. */
export const withSection = (page: string, area: Area, section: string): string => {
  const sections = new Map(sectionsIn(page)).set(area, section.trim());
  const kept = AREAS.flatMap((each) => {
    const text = sections.get(each);
    return text === undefined ? [] : [`## ${each}\n\n${text}\n`];
  });
  return [HEAD, ...kept].join('\n');
};

export const writeSection = (area: Area, section: string): void => {
  const page = existsSync(FILE) ? readFileSync(FILE, 'utf8') : '';
  writeFileSync(FILE, withSection(page, area, section));
};
