/** The ports of WKS (RFC 1035 3.4.2): a bitmap up to the end of the RDATA, a bit for each port. Printed as numbers. */
import { parseNumber } from '../encoding.ts';
import type { Field } from '../field.ts';

/** The names of RFC 1010 that are met in zone files. */
const SERVICES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    echo: 7,
    discard: 9,
    systat: 11,
    daytime: 13,
    netstat: 15,
    quote: 17,
    chargen: 19,
    'ftp-data': 20,
    ftp: 21,
    telnet: 23,
    smtp: 25,
    time: 37,
    nameserver: 42,
    nicname: 43,
    domain: 53,
    bootps: 67,
    bootpc: 68,
    tftp: 69,
    finger: 79,
    hostname: 101,
    'iso-tsap': 102,
    x400: 103,
    'x400-snd': 104,
    'csnet-ns': 105,
    'pop-2': 109,
    sunrpc: 111,
    auth: 113,
    sftp: 115,
    nntp: 119,
    ntp: 123,
  }),
);

const MAX_OCTETS = 65536 / 8;

export const ports: Field = {
  label: 'ports',
  parse(words, out) {
    const bitmap = new Uint8Array(MAX_OCTETS);
    let length = 0;
    while (words.left > 0) {
      const text = words.nextText()!;
      const port = parseNumber(text, 0xffff) ?? SERVICES.get(text.toLowerCase());
      if (port === undefined) return `'${text}' is no port; write its number`;
      bitmap[port >> 3]! |= 0x80 >> (port & 7);
      length = Math.max(length, (port >> 3) + 1);
    }
    out.bytes(bitmap.subarray(0, length));
    return undefined;
  },
  print(reader) {
    const bitmap = reader.rest();
    // Zeros at the end are allowed, and there is no way to write them.
    if (bitmap.at(-1) === 0 || bitmap.length > MAX_OCTETS) return undefined;
    const words: number[] = [];
    for (let port = 0; port < 8 * bitmap.length; port++)
      if ((bitmap[port >> 3]! & (0x80 >> (port & 7))) !== 0) words.push(port);
    return words.join(' ');
  },
  skip: (reader) => void reader.rest(),
};
