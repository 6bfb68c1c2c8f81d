/** Opcodes and response codes (RFC 6895 2.2, 2.3; RFC 7873 8; RFC 8945 3) with their mnemonics. */

export const OPCODE = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5, DSO: 6 } as const;

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;

/** Values of the error field of TSIG (RFC 8945 3). 16 is BADVERS in an RCODE and BADSIG here. */
export const TSIG_ERROR = { NOERROR: 0, BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const;

const names = new Map<number, string>(Object.entries(RCODE).map(([name, code]) => [code, name]));

export function printRcode(code: number): string {
  return names.get(code) ?? `RCODE${code}`;
}
