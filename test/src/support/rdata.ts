/** RDATA in both of its forms: an example or more for each type that has a presentation form, from its RFC where that has one. */
import { parseRdata, printRdata } from '@zonewright/common/rr/rdata';
import { parseType } from '@zonewright/common/rr/type';
import { nameOf, tokensOf } from './records.ts';

const EXAMPLE = '076578616d706c6500';
const FOO_COM = '03666f6f076578616d706c6503636f6d00';
const FOO_ORG = '03666f6f076578616d706c65036f726700';
const KEY =
  'AQPSKmynfzW4kyBv015MUG2DeIQ3Cbl+BBZH4b/0PY1kxkmvHjcZc8nokfzj31GajIQKY+5CptLr3buXA10hWqTkF7H6RfoRqXQeogmMHfpftf6zMv1LyBUgia7za6ZEzOJBOztyvhjL742iU/TpPSEDhm2SNKLijfUppn1UaNvv4w==';

const IPSEC_KEY = 'AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==';
const IPSEC_KEY_HEX = Buffer.from(IPSEC_KEY, 'base64').toString('hex');
const PX_NAME = '0950524d442d6e657432 0941444d442d70343030 04432d6974 00';
const SIGNATURE =
  'oJB1W6WNGv+ldvQ3WDG0MQkg5IEhjRip8WTrPYGv07h108dUKGMeDPKijVCHX3DDKdfb+v6oB9wfuh3DTJXUAfI/M0zmO/zz8bW0Rznl8O3tGNazPwQKkRN20XPXV6nwwfoXmJQbsLNrLfkGJ5D6fwFm8nN+6pBzeDQfsS3Ap3o=';
const SIGNATURE_HEX = Buffer.from(SIGNATURE, 'base64').toString('hex');

/** Type, text as printed, wire form in hexadecimal where it is worth writing down. */
export const examples: readonly (readonly [type: string, text: string, hex?: string])[] = [
  ['A', '192.0.2.1', 'c0000201'],
  ['NS', 'ns.example.', '026e73076578616d706c6500'],
  ['CNAME', 'foo.example.com.', FOO_COM],
  ['SOA', 'ns. a\\.b. 4294967295 1 2 3 0', '026e730003612e6200 ffffffff 00000001 00000002 00000003 00000000'],
  ['PTR', '.', '00'],
  ['HINFO', '"PDP-11" ""', '06504450 2d3131 00'],
  ['MX', '10 mail.example.', '000a046d61696c076578616d706c6500'],
  ['TXT', '"two words" "" "\\"q\\" \\\\ \\000\\255;"', '0974776f20776f726473 00 09 227122 20 5c 20 00ff3b'],
  ['RP', 'louie\\.trantor.umd.edu. lam1.people.umd.edu.'],
  ['AFSDB', '1 toaster.example.com.'],
  ['AAAA', '2001:db8::1', '20010db8000000000000000000000001'],
  ['LOC', '42 21 54.000 N 71 6 18.000 W -24.00m 30.00m 10000.00m 10.00m', '00331613 89172dd0 70be15f0 00988d20'],
  ['SRV', '0 1 9 old-slow-box.example.com.'],
  ['NAPTR', '100 50 "s" "http+I2L+I2C+I2R" "" _http._tcp.gatech.edu.'],
  ['KX', '2 rt1.example.com.'],
  ['DNAME', 'frobozz-division.acme.example.'],
  ['DS', '60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118', 'ec450501 2bb183af5f22588179a53b0a98631fad1a292118'],
  ['SSHFP', '2 1 123456789abcdef67890123456789abcdef67890', '0201 123456789abcdef67890123456789abcdef67890'],
  ['DNSKEY', `256 3 5 ${KEY}`],
  ['TLSA', '0 0 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971'],
  ['SMIMEA', '3 1 1 00ff', '03010100ff'],
  ['CDS', '0 0 0 00', '0000000000'],
  ['CDNSKEY', '0 3 0 AA==', '0000030000'],
  ['OPENPGPKEY', 'AQID', '010203'],
  ['LP', '10 l64-subnet1.example.com.'],
  ['URI', '10 1 "ftp://ftp1.example.com/public"'],
  [
    'CAA',
    '0 issue "ca1.example.net; policy=ev"',
    `0005697373756563 61312e6578616d706c652e6e65743b20706f6c6963793d6576`,
  ],
  ['CAA', '128 iodef ""', '8005696f646566'],
  ['HTTPS', '0 foo.example.com.', `0000${FOO_COM}`],
  ['SVCB', '1 .', '000100'],
  ['SVCB', '16 foo.example.com. port=53', `0010${FOO_COM} 00030002 0035`],
  ['SVCB', '1 foo.example.com. key667="hello"', `0001${FOO_COM} 029b0005 68656c6c6f`],
  ['SVCB', '1 foo.example.com. key667="hello\\210qoo"', `0001${FOO_COM} 029b0009 68656c6c6fd2716f6f`],
  [
    'SVCB',
    '1 foo.example.com. ipv6hint=2001:db8::1,2001:db8::53:1',
    `0001${FOO_COM} 00060020 20010db8000000000000000000000001 20010db8000000000000000000530001`,
  ],
  [
    'SVCB',
    '16 foo.example.org. mandatory=alpn,ipv4hint alpn="h2,h3-19" ipv4hint=192.0.2.1',
    `0010${FOO_ORG} 0000000400010004 00010009 026832 0568332d3139 00040004 c0000201`,
  ],
  ['SVCB', '16 foo.example.org. alpn="f\\\\\\\\oo\\\\,bar,h2"', `0010${FOO_ORG} 0001000c 08665c6f6f2c626172 026832`],
  ['HTTPS', '1 . alpn="h3" no-default-alpn ech="AEX+DQ==" dohpath="/q{?dns}" ohttp'],
  ['MD', 'a.example.', `0161${EXAMPLE}`],
  ['MF', 'a.example.', `0161${EXAMPLE}`],
  ['MB', 'a.example.', `0161${EXAMPLE}`],
  ['MG', 'a.example.', `0161${EXAMPLE}`],
  ['MR', 'a.example.', `0161${EXAMPLE}`],
  ['WKS', '10.0.0.10 6 21 23 25', '0a00000a 06 00000540'],
  ['WKS', '10.0.0.10 17', '0a00000a 11'],
  ['MINFO', 'a.example. b.example.', `0161${EXAMPLE} 0162${EXAMPLE}`],
  ['X25', '"311061700956"', '0c 333131303631373030393536'],
  ['ISDN', '"150862028003217" "004"', '0f 313530383632303238303033323137 03 303034'],
  ['ISDN', '"150862028003217"', '0f 313530383632303238303033323137'],
  ['RT', '10 a.example.', `000a 0161${EXAMPLE}`],
  ['NSAP', '0x47000580005a0000000001e133ffffff00016100', '47000580005a0000000001e133ffffff00016100'],
  ['NSAP-PTR', 'a.example.', `0161${EXAMPLE}`],
  ['SIG', `A 5 3 86400 20030322173103 20030220173103 2642 example. ${SIGNATURE}`],
  ['KEY', `512 255 1 ${IPSEC_KEY}`],
  ['PX', '50 net2.it. PRMD-net2.ADMD-p400.C-it.', `0032 046e657432026974 00 ${PX_NAME}`],
  ['GPOS', '"-32.6882" "116.8652" "10.0"', '082d33322e36383832 083131362e38363532 0431302e30'],
  ['NXT', 'a.example. A MX SIG NXT', `0161${EXAMPLE} 40010082`],
  ['EID', '1289ab', '1289ab'],
  ['NIMLOC', '1289ab', '1289ab'],
  ['ATMA', '+61200000000', '01 3631323030303030303030'],
  ['ATMA', 'fedcba0987654321', '00 fedcba0987654321'],
  ['CERT', '1 65534 254 AQID', '0001 fffe fe 010203'],
  ['A6', '64 ::1234:5678:9abc:def0 subnet.example.', `40 123456789abcdef0 067375626e6574${EXAMPLE}`],
  ['A6', '0 2001:db8::1', '00 20010db8000000000000000000000001'],
  ['A6', '128 a.example.', `80 0161${EXAMPLE}`],
  ['A6', '57 ::7f:0:0:0:1 .', '39 7f0000000000000001 00'],
  ['SINK', '1 0 0 AQID', '010000 010203'],
  ['APL', '1:192.168.32.0/21 !1:192.168.38.0/28', '00011503c0a820 00011c83c0a826'],
  ['APL', '1:224.0.0.0/4 2:ff00::/8', '00010401e0 00020801ff'],
  ['APL', '1:0.0.0.0/0', '00010000'],
  ['IPSECKEY', `10 1 2 192.0.2.38 ${IPSEC_KEY}`, `0a0102 c0000226 ${IPSEC_KEY_HEX}`],
  ['IPSECKEY', `10 0 2 . ${IPSEC_KEY}`, `0a0002 ${IPSEC_KEY_HEX}`],
  ['IPSECKEY', `10 3 2 mygateway.example. ${IPSEC_KEY}`, `0a0302 096d7967617465776179${EXAMPLE} ${IPSEC_KEY_HEX}`],
  [
    'IPSECKEY',
    `10 2 2 2001:db8:0:8002::2000:1 ${IPSEC_KEY}`,
    `0a0202 20010db8000080020000000020000001 ${IPSEC_KEY_HEX}`,
  ],
  ['IPSECKEY', '10 1 0 192.0.2.38', '0a0100 c0000226'],
  [
    'RRSIG',
    `A 5 3 86400 20030322173103 20030220173103 2642 example. ${SIGNATURE}`,
    `0001 05 03 00015180 3e7c9dd7 3e5510d7 0a52 ${EXAMPLE} ${SIGNATURE_HEX}`,
  ],
  [
    'RRSIG',
    'TYPE65280 8 0 0 20060101000000 19700101000000 0 . AA==',
    `ff00 08 00 00000000 43b71b80 00000000 0000 00 00`,
  ],
  [
    'NSEC',
    'host.example.com. A MX RRSIG NSEC TYPE1234',
    `04686f7374076578616d706c6503636f6d00 0006 400100000003 041b ${'00'.repeat(26)} 20`,
  ],
  ['NSEC', '\\000.example. NXNAME', `0100${EXAMPLE} 0011 ${'00'.repeat(16)} 80`],
  [
    'NSEC3',
    '1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA MX RRSIG DNSKEY NSEC3PARAM',
    `01 01 000c 04aabbccdd 14 174eb2409fe28bcb4887a1836f957f0a8425e27b 0007 22010000000290`,
  ],
  ['NSEC3', '1 0 0 - vvvvvvvv', '01 00 0000 00 05 ffffffffff'],
  ['NSEC3PARAM', '1 0 12 aabbccdd', '01 00 000c 04 aabbccdd'],
  ['NSEC3PARAM', '1 0 0 -', '01 00 0000 00'],
  [
    'DHCID',
    'AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=',
    '000201636fc0b8271c82825bb1ac5c41cf5351aa69b4febd94e8f17cdb95000da48c40',
  ],
  [
    'HIP',
    `2 200100107b1a74df365639cc39f1d578 ${IPSEC_KEY} rvs1.example. rvs2.example.`,
    `10 02 0022 200100107b1a74df365639cc39f1d578 ${IPSEC_KEY_HEX} 0472767331${EXAMPLE} 0472767332${EXAMPLE}`,
  ],
  ['HIP', '2 20 AA=='],
  ['NINFO', '"foo" "bar"', '03666f6f 03626172'],
  ['RKEY', `0 255 1 ${IPSEC_KEY}`, `0000 ff 01 ${IPSEC_KEY_HEX}`],
  ['TALINK', 'h0.example. h2.example.', `026830${EXAMPLE} 026832${EXAMPLE}`],
  ['CSYNC', '66 3 A NS AAAA', '00000042 0003 0004 60000008'],
  ['CSYNC', '66 3', '00000042 0003'],
  [
    'ZONEMD',
    '2018031500 1 1 febe3d4ce2ec2ffa4ba99d46cd69d6d29711e55217057bee7eb1a7b641a47ba7fed2dd5b97ae499fafa4f22c6bd647de',
    '7848b78c 01 01 febe3d4ce2ec2ffa4ba99d46cd69d6d29711e55217057bee7eb1a7b641a47ba7fed2dd5b97ae499fafa4f22c6bd647de',
  ],
  ['DSYNC', 'CDS NOTIFY 5359 cds-scanner.example.', `003b 01 14ef 0b6364732d7363616e6e6572${EXAMPLE}`],
  ['HHIT', 'gwA=', '8300'],
  ['BRID', 'gwA=', '8300'],
  ['SPF', '"v=spf1 -all"', '0b763d73706631202d616c6c'],
  ['NID', '10 0014:4fff:ff20:ee64', '000a 00144fffff20ee64'],
  ['L32', '10 10.1.2.0', '000a 0a010200'],
  ['L64', '10 2001:0db8:1140:1000', '000a 20010db811401000'],
  ['EUI48', '00-00-5e-00-53-2a', '00005e00532a'],
  ['EUI64', '00-00-5e-ef-10-00-00-2a', '00005eef1000002a'],
  ['AVC', '"app-name:WOLFGANG|app-class:OAM|business=yes"'],
  ['DOA', '0 1 2 "" aHR0cHM6Ly9leGFtcGxlLw==', '00000000 00000001 02 00 68747470733a2f2f6578616d706c652f'],
  ['DOA', '1234567890 1234567890 1 "image/gif" -', '499602d2 499602d2 01 09696d6167652f676966'],
  ['AMTRELAY', '10 0 1 203.0.113.15', '0a01 cb00710f'],
  ['AMTRELAY', '10 0 2 2001:db8::15', '0a02 20010db8000000000000000000000015'],
  ['AMTRELAY', '128 1 3 amtrelays.example.', `8083 09616d7472656c617973${EXAMPLE}`],
  ['AMTRELAY', '10 0 0 .', '0a00'],
  ['RESINFO', '"qnamemin" "exterr=15-17" "infourl=https://resolver.example.com/guide"'],
  ['WALLET', '"BTC" "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"'],
  ['CLA', '"TCP-v4-v6"', '095443502d76342d7636'],
  ['IPN', '18446744073709551615', 'ffffffffffffffff'],
  ['TA', '60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118', 'ec450501 2bb183af5f22588179a53b0a98631fad1a292118'],
  ['DLV', '60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118', 'ec450501 2bb183af5f22588179a53b0a98631fad1a292118'],
];

/** The token and the fault of a text, or what it was read as. */
export function faultOf(type: string, text: string): string {
  const parsed = parseRdata(parseType(type)!, tokensOf(text), nameOf('example.'));
  return parsed.ok
    ? `read as ${printRdata(parseType(type)!, parsed.value)}`
    : `${parsed.fault.token} ${parsed.fault.what}`;
}
