/** A file that a running program reads again and again: it finds what was there or what is there now, never a part of it. */
import { renameSync, writeFileSync } from 'node:fs';

/** Puts `text` in the place of what stands in the file; one may be missing. */
export const writeWhole = (file: string, text: string): void => {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
};
