/**
 * zlib streams (RFC 1950) at once, without a thread: whole where the length of what is in them is known, and their starts.
 */
import { constants, inflateSync, type Zlib } from 'node:zlib';

/** The least that zlib takes for a piece of output, in octets. */
const LEAST_CHUNK = 64;

/** The octets of a stream that its start is taken from. The code of a first block takes less than 300 (RFC 1951, section 3.2.7). */
export const START = 1024;

/** Room for one octet more than expected: zlib is done in one step, and a longer stream is noticed. */
const optionsFor = (size: number) => ({
  chunkSize: Math.max(size + 1, LEAST_CHUNK),
  maxOutputLength: Math.max(size, 1),
});

/** The `size` octets that the stream at the start of `octets` holds; `undefined` where it is damaged or holds more or less. */
export function inflate(octets: Uint8Array, size: number): Buffer | undefined {
  try {
    const content = inflateSync(octets, optionsFor(size));
    return content.length === size ? content : undefined;
  } catch {
    return undefined;
  }
}

/** As `inflate`, and how many octets the stream takes. */
export function inflateCounted(octets: Uint8Array, size: number): { content: Buffer; taken: number } | undefined {
  try {
    // The types of Node do not know what `info` changes.
    const { buffer, engine } = inflateSync(octets, { ...optionsFor(size), info: true }) as unknown as {
      readonly buffer: Buffer;
      readonly engine: Zlib;
    };
    return buffer.length === size ? { content: buffer, taken: engine.bytesWritten } : undefined;
  } catch {
    return undefined;
  }
}

/** What the first 1024 octets of a stream hold, of a shorter one all; `undefined` where it is damaged. */
export function inflateStart(octets: Uint8Array): Buffer | undefined {
  try {
    return inflateSync(octets.subarray(0, START), { finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 4 * START });
  } catch {
    return undefined;
  }
}
