/** A program: reads a zone of one million addresses, and prints in JSON what that costs, beside what this process has cost before. */
import { readFileSync } from 'node:fs';
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import { nameOf } from './records.ts';

const COUNT = 1_000_000;
/** Octets of the longest line. */
const LINE = 40;

/** `$TTL`, SOA, NS and as many addresses, without a text of it all. */
function fileOf(count: number): Uint8Array {
  const octets = Buffer.alloc(COUNT * LINE);
  let length = octets.write('$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n', 0);
  for (let i = 0; i < count; i++)
    length += octets.write(`host${i} A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}\n`, length);
  return octets.subarray(0, length);
}

const file = fileOf(COUNT);
/** The most memory that this process had, octets. What the system says of its children (`maxRSS`) counts that of who started it, too. */
function mostMemory(): number {
  const highest = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(highest?.[1]) * 1024;
}

const before = process.memoryUsage().rss;
const started = performance.now();
const { zone, findings } = readZoneFile(file, nameOf('million.'));
const most = mostMemory();
process.stdout.write(
  JSON.stringify({
    records: zone?.size,
    findings: findings.length,
    /** Octets of the file, which is part of what the process had before. */
    file: file.length,
    before,
    most,
    milliseconds: Math.round(performance.now() - started),
  }),
);
