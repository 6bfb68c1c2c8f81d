/**
 * Checksums of values: each carries one over itself and the key that it stands under, since a database says nothing of octets that a
 * disk has turned. What has passed it is trusted.
 */
import { crc32 } from 'node:zlib';

const CHECKSUM_OCTETS = 4;

/** The value with its checksum, as it stands on the disk. */
export function seal(key: Uint8Array, value: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(CHECKSUM_OCTETS + value.length);
  new DataView(sealed.buffer).setUint32(0, crc32(value, crc32(key)));
  sealed.set(value, CHECKSUM_OCTETS);
  return sealed;
}

/** The value, a view of what is given; `undefined` when it is not what was written under that key. */
export function unseal(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < CHECKSUM_OCTETS) return undefined;
  const value = sealed.subarray(CHECKSUM_OCTETS);
  const sum = new DataView(sealed.buffer, sealed.byteOffset).getUint32(0);
  return sum === crc32(value, crc32(key)) ? value : undefined;
}
