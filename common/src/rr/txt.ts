/** RDATA of TXT records (RFC 1035 3.3.14): one or more character-strings, each an octet that says how long it is, and the text in Latin-1. */

const STRING_OCTETS = 255;

/** RDATA of a text, cut into strings as long as they may be. */
export function txtRdata(text: string): Uint8Array {
  const octets = Buffer.from(text, 'latin1');
  const strings: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < octets.length; at += STRING_OCTETS) {
    const string = octets.subarray(at, at + STRING_OCTETS);
    strings.push(Uint8Array.of(string.length), string);
  }
  return Uint8Array.from(Buffer.concat(strings));
}

/** The strings of RDATA; what does not fit its lengths is left out. */
export function txtStrings(rdata: Uint8Array): readonly string[] {
  const octets = Buffer.from(rdata.buffer, rdata.byteOffset, rdata.byteLength);
  const strings: string[] = [];
  for (let at = 0; at < octets.length; at += 1 + octets[at]!) {
    strings.push(octets.toString('latin1', at + 1, at + 1 + octets[at]!));
  }
  return strings;
}

/** The strings as one text, as those who validate read them (RFC 8555 8.4). */
export function txtText(rdata: Uint8Array): string {
  return txtStrings(rdata).join('');
}
