/**
 * A program: `certificates ADDRESS PORT MODE COUNT FIRST` posts signing requests (P-256) at `_letsencrypt._tcp.certifiedI.example.` by signed UPDATEs, from number FIRST
 * on, and looks for the certificates beside them. MODE `each`: one after the other; `all`: all at once. Keys and requests are made before.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseTsigKey } from '@zonewright/common/authority/key';
import { TYPE } from '@zonewright/common/rr/type';
import { makeCsr } from '@zonewright/letsencrypt/csr';
import { DnsClient } from '@zonewright/letsencrypt/dns';
import { makeKey } from '@zonewright/letsencrypt/key';
import { nameOfHost, postingName } from '@zonewright/letsencrypt/posting';
import { application, changeTlsa } from '@zonewright/letsencrypt/publish';
import { readTlsaSet } from '@zonewright/letsencrypt/tlsa';
import { given, nameOf } from '@zonewright/test/support/records';
import { KEY } from '../servers.ts';
import { ORIGIN } from '../worlds.ts';

/** Milliseconds between two looks, for one name and for many: looking is not to be what takes the time. */
const INTERVAL = 10;
const WIDE_INTERVAL = 100;
/** Milliseconds after which a certificate is not waited for any more. */
const PATIENCE = 240_000;
/** Requests that are posted at a time. */
const POSTED = 20;

const [address = '', port = '', mode = '', amount = '', first = ''] = process.argv.slice(2);
const origin = nameOf(ORIGIN);
const dns = new DnsClient({ server: { address, port: Number(port) }, key: given(parseTsigKey(KEY)) });

const requestOf = async (n: number) => {
  const host = `certified${n}.${ORIGIN.slice(0, -1)}`;
  const key = given(await makeKey('p256'));
  return { name: postingName(nameOfHost(host))!, der: given(await makeCsr({ hosts: [host], key })) };
};

type Request = Awaited<ReturnType<typeof requestOf>>;

/** Resolves when the request is in the DNS, with the time. */
const post = async ({ name, der }: Request): Promise<number> => {
  given(await changeTlsa(dns, origin, name, (set) => application(set, der)));
  return performance.now();
};

/** Resolves when the certificate is in the DNS, with the time. */
const certified = async ({ name }: Request, interval: number): Promise<number> => {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const { certificates } = readTlsaSet(given(await dns.lookup(name, TYPE.TLSA)));
    if (certificates.length > 0) return performance.now();
    if (performance.now() > end) throw new Error(`no certificate at ${name}`);
    await pause(interval);
  }
};

const requests = await Promise.all(Array.from({ length: Number(amount) }, (_, i) => requestOf(Number(first) + i)));
const latencies: number[] = [];
const started = performance.now();
if (mode === 'each')
  for (const request of requests) {
    const posted = await post(request);
    latencies.push((await certified(request, INTERVAL)) - posted);
  }
else {
  for (let i = 0; i < requests.length; i += POSTED) await Promise.all(requests.slice(i, i + POSTED).map(post));
  for (const request of requests) latencies.push((await certified(request, WIDE_INTERVAL)) - started);
}
const seconds = (performance.now() - started) / 1000;
process.stdout.write(`${JSON.stringify({ latencies, seconds })}\n`);
