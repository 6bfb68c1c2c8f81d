/** Records of a zone that transfers are tried with: what is odd, and enough for more than 64 KiB. Lines of a zone file, without SOA and apex. */

/** Glue, what lies below a cut, names and data that want escapes, types that nobody knows. */
export const ODD = `sub NS ns.sub
 NS ns.elsewhere.example.
ns.sub A 192.0.2.1
 AAAA 2001:db8::1
www.sub A 192.0.2.2
deep.er.sub NS ns.sub
*.w CNAME www
x.*.w TXT "below a wildcard"
a.b.c.d A 192.0.2.3
d2 DNAME other.example.
quote TXT "a\\"b" "\\255" ""
\\000odd\\.label A 192.0.2.4
CaSe A 192.0.2.5
u TYPE65400 \\# 3 0a0b0c
set A 192.0.2.1
 A 192.0.2.2
 A 192.0.2.3
`;

/** How many hosts are more than 64 KiB. */
export const BULK = 1500;

/** Hosts with an address in 10.VALUE and a text each. */
export const bulk = (value: number, count = BULK): string =>
  Array.from(
    { length: count },
    (_, n) => `host${n} A 10.${value}.${n >> 8}.${n & 255}\n TXT "host ${n}" "${'x'.repeat(60)}"\n`,
  ).join('');
