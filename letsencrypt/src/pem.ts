/**
 * PEM, the textual encoding of keys, CSRs and certificates (RFC 7468): blocks with a label around base64.
 * Text outside of the blocks is skipped, as RFC 7468 section 2 allows; a block that is damaged is reported, never skipped.
 */

/** One block: `CERTIFICATE`, `CERTIFICATE REQUEST`, `PRIVATE KEY` ..., and its octets. */
export interface PemBlock {
  readonly label: string;
  readonly octets: Uint8Array;
}

/** A block as text, 64 characters a line, with a final newline. */
export function printPem(label: string, octets: Uint8Array): string {
  const lines =
    Buffer.from(octets)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END ([A-Z0-9 ]+)-----/g;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** All blocks of a text in order; `undefined` if one is damaged. A text without blocks has none. */
export function readPem(text: string): readonly PemBlock[] | undefined {
  const blocks: PemBlock[] = [];
  for (const [, label, body, end] of text.matchAll(BLOCK)) {
    const base64 = body!.replace(/\s+/g, '');
    if (label !== end || base64.length % 4 !== 0 || !BASE64.test(base64)) return undefined;
    blocks.push({ label: label!, octets: Buffer.from(base64, 'base64') });
  }
  const begun = text.match(/-----BEGIN /g)?.length ?? 0;
  return begun === blocks.length ? blocks : undefined;
}
