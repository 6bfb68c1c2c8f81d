/**
 * Validators as a test's client: BIND's `delv`, and `unbound` as a resolver that knows where some zones are served. Both say of an
 * answer whether it is secure, insecure or bogus (RFC 4035 4.3).
 *
 * Nothing else is resolved, and no packet leaves the machine. unbound asks anew each time as far as that can be told it; what it has learned of
 * keys and delegations it keeps for some seconds.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exchange } from '@zonewright/common/net/exchange';
import { CLASS } from '@zonewright/common/rr/class';
import { parseType } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { extendedErrorText } from '@zonewright/common/wire/edns';
import { emptyMessage } from '@zonewright/common/wire/message';
import { type Owner, temporaryFolder } from './owner.ts';
import { freePort } from './ports.ts';
import { type Program, run, startProgram } from './process.ts';
import { nameOf } from './records.ts';
import type { SignedZone } from './signer.ts';

/** `failed`: there was no answer that could be judged. */
export type Verdict = 'secure' | 'insecure' | 'bogus' | 'failed';

export interface Judgement {
  readonly verdict: Verdict;
  /** What the validator said. */
  readonly text: string;
}

const delvVerdicts: readonly (readonly [Verdict, RegExp])[] = [
  ['secure', /^; (?:negative response, )?fully validated$/m],
  ['insecure', /^; (?:negative response, )?unsigned answer$/m],
  ['bogus', /^;; resolution failed: .*(?:signature|trust|bogus|insecurity|valid)/m],
];

export interface DelvOptions {
  readonly owner: Owner;
  readonly address: string;
  readonly port: number;
  /** The zone whose key is trusted. */
  readonly anchor: SignedZone;
}

/** A way to ask a server, and have `delv` judge what it says. It cannot follow referrals. */
export const delvOf = ({ owner, address, port, anchor }: DelvOptions) => {
  const { origin, key } = anchor;
  const file = join(temporaryFolder(owner, 'delv'), 'anchor');
  const [flags, protocol, algorithm, ...base64] = key.split(/\s+/);
  const words = `"${origin}" static-key ${flags} ${protocol} ${algorithm} "${base64.join('')}"`;
  writeFileSync(file, `trust-anchors { ${words}; };\n`);
  return async (name: string, type: string): Promise<Judgement> => {
    const asked = [`@${address}`, '-p', `${port}`, '-a', file, `+root=${origin}`, '+nomultiline', name, type];
    const { stdout, stderr } = await run('delv', asked);
    const text = stdout + stderr;
    return { verdict: delvVerdicts.find(([, pattern]) => pattern.test(text))?.[0] ?? 'failed', text };
  };
};

export interface UnboundOptions {
  /** Zones and where they are served. */
  readonly zones: readonly { readonly name: string; readonly address: string; readonly port: number }[];
  /** Zones whose keys are trusted. */
  readonly anchors: readonly SignedZone[];
}

export interface Unbound {
  readonly program: Program;
  /** Asks with DO, and judges by AD and RCODE: NOERROR and NXDOMAIN are answers, SERVFAIL is how it says that one is bogus. */
  ask(name: string, type: string): Promise<Judgement & { readonly rcode: number }>;
}

const configuration = (folder: string, port: number, { zones, anchors }: UnboundOptions): string => `server:
  directory: "${folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  log-time-ascii: yes
  val-log-level: 2
  ede: yes
  interface: 127.0.0.1
  port: ${port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
  module-config: "validator iterator"
  qname-minimisation: no
  aggressive-nsec: no
  harden-below-nxdomain: no
  serve-expired: no
  cache-max-ttl: 5
  cache-max-negative-ttl: 1
  infra-host-ttl: 1
  outbound-msg-retry: 8
  edns-buffer-size: 1232
${anchors.map(({ ds }) => `  trust-anchor: "${ds}"\n`).join('')}remote-control:
  control-enable: no
${zones.map(({ name, address, port }) => `stub-zone:\n  name: "${name}"\n  stub-addr: ${address}@${port}\n`).join('')}`;

/** Starts unbound and waits until it answers. */
export const startUnbound = async (owner: Owner, options: UnboundOptions): Promise<Unbound> => {
  const folder = temporaryFolder(owner, 'unbound');
  const port = await freePort();
  const file = join(folder, 'unbound.conf');
  writeFileSync(file, configuration(folder, port, options));
  const program = await startProgram(owner, 'unbound', ['-d', '-p', '-c', file], { cwd: folder });
  await program.waitForLine(/start of service/);
  const server = { address: '127.0.0.1', port };
  return {
    program,
    ask: async (name, type) => {
      const edns = { udpSize: 1232, version: 0, dnssecOk: true, options: [] };
      const question = { name: nameOf(name), type: parseType(type)!, class: CLASS.IN };
      const message = { ...emptyMessage(0, OPCODE.QUERY), rd: true, questions: [question], edns };
      const reply = await exchange({ server, message, timeout: 10_000, tries: 1 });
      if (!reply.ok) return { verdict: 'failed', rcode: -1, text: reply.fault.what };
      const { rcode, ad } = reply.value;
      const text = extendedErrorText(reply.value.edns) ?? '';
      const isAnswer = rcode === 0 || rcode === 3;
      return { verdict: !isAnswer ? 'bogus' : ad ? 'secure' : 'insecure', rcode, text };
    },
  };
};
