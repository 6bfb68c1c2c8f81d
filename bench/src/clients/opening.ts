/**
 * A program: `opening ADDRESS PORT FILE` asks the questions of a file (`NAME TYPE`, a line each) over TCP, opens a connection for each, and closes it
 * when it has the answer.
 *
 * Each connection comes from another address of 127/8, so that the ports of those that are closed, which the kernel keeps for a minute, are
 * not missed.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Framer, frame } from '@zonewright/common/net/framing';
import { parseType } from '@zonewright/common/rr/type';
import { RCODE } from '@zonewright/common/wire/code';
import { queryOf } from '../answered.ts';

/** Connections at a time. */
const PARALLEL = 20;

const [address = '', port = '', file = ''] = process.argv.slice(2);
const queries = readFileSync(file, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line, id) => {
    const [name = '', type = ''] = line.split(' ');
    return frame(queryOf(name, parseType(type)!, id & 0xffff));
  });
const mnemonics = new Map<number, string>(Object.entries(RCODE).map(([name, code]) => [code, name]));

const codes: Record<string, number> = {};
let next = 0;
let completed = 0;
let octets = 0;
let lost = 0;

const take = (reply: Uint8Array): void => {
  const code = mnemonics.get(reply[3]! & 15) ?? '?';
  codes[code] = (codes[code] ?? 0) + 1;
  octets += reply.length;
  completed++;
};

/** Asks the next question, and the one after it when that is done. */
const ask = (): void => {
  if (next === queries.length) return;
  const query = queries[next]!;
  const localAddress = `127.0.${1 + ((next >> 8) % 250)}.${1 + (next & 127)}`;
  next++;
  const framer = new Framer();
  let reply: Uint8Array | undefined;
  const stream = connect({ host: address, port: Number(port), localAddress, noDelay: true });
  stream.write(query);
  stream.on('data', (chunk: Uint8Array) => {
    framer.push(chunk);
    reply ??= framer.next();
    if (reply !== undefined) stream.end();
  });
  stream.on('error', () => undefined);
  stream.on('close', () => {
    if (reply === undefined) lost++;
    else take(reply);
    if (completed + lost < queries.length) ask();
    else
      process.stdout.write(`${JSON.stringify({ completed, lost, codes, octets: Math.round(octets / completed) })}\n`);
  });
};

for (let i = 0; i < PARALLEL; i++) ask();
