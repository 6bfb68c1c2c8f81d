/** What one file may cost, with all that it includes and generates. */

export interface FileLimits {
  /** Octets of the file. */
  readonly octets: number;
  /** Octets of one entry, comments included. */
  readonly entryOctets: number;
  /** Words of one entry; RDATA of 65535 octets, a word for each hexadecimal digit, has twice as many. */
  readonly words: number;
  /** Faults reported. */
  readonly faults: number;
  /** Records of one `$GENERATE`. */
  readonly range: number;
  /** Records of all `$GENERATE` together. */
  readonly generated: number;
  /** Octets of the text of all generated records. */
  readonly generatedOctets: number;
  /** Files within each other, the first not counted. */
  readonly depth: number;
  /** How often a file is included. */
  readonly inclusions: number;
  /** Octets of all included files, each as often as it is included. */
  readonly includedOctets: number;
}

export const DEFAULT_FILE_LIMITS: FileLimits = {
  octets: 64 * 2 ** 20,
  entryOctets: 2 ** 20,
  words: 140_000,
  faults: 100,
  range: 65_536,
  generated: 131_072,
  generatedOctets: 64 * 2 ** 20,
  depth: 8,
  inclusions: 10_000,
  includedOctets: 64 * 2 ** 20,
};
