/** Which addresses are this machine's, as far as it listens on them. */
import { networkInterfaces } from 'node:os';
import { canonicalAddress } from './address.ts';

const ALL: readonly string[] = ['0.0.0.0', '::'];

/** Whether somebody who asks this address asks a server that listens on these, or, where there are none, on all. */
export function ownAddresses(listen: readonly string[]): (address: string) => boolean {
  const named = listen.map(canonicalAddress);
  const isAll = named.length === 0 || named.some((address) => ALL.includes(address));
  const all = isAll ? Object.values(networkInterfaces()).flatMap((each) => each ?? []) : [];
  const addresses = new Set([...named, ...all.map(({ address }) => canonicalAddress(address))]);
  return (address) => addresses.has(address);
}
