/** `zonewright secondary`: its options, and what is begun before all else is loaded. The wiring is in `service.ts`. */
import { parseKey } from '@zonewright/common/authority/key';
import { Name } from '@zonewright/common/name';
import { type Fault, fail, type Result } from '@zonewright/common/result';
import { beginAnswering } from '@zonewright/common/service/answering';
import { parsePort } from '@zonewright/common/service/endpoint';
import { defineCommand, type Values } from '@zonewright/common/service/options';
import {
  ANSWERING_OPTIONS,
  DATA,
  HTTP,
  LISTEN,
  LOG_LEVEL,
  MONITOR,
  PORT,
  SYSLOG,
} from '@zonewright/common/service/service-options';
import { beginThreads } from '@zonewright/common/service/thread';
import { TRANSFER_THREAD } from '@zonewright/common/service/threads';
import { PRIMARY_TLS_OPTIONS, TLS_OPTIONS } from '@zonewright/common/service/tls-options';
import { COPIES_THREAD } from './threads.ts';

function parseCatalog(text: string): Result<Name, Fault> {
  const name = Name.parse(text);
  if (name.ok) return name;
  return fail({ kind: 'usage', what: `"${text}" is no domain name: ${name.fault.what}` });
}

const options = [
  {
    flag: '--keys <NAME:ALG:SECRET>',
    description: 'a transfer key that names the primary: PRIMARY.SECONDARY._transfer.ZONE; repeatable, or @FILE',
    secret: true,
    repeatable: true,
    required: true,
    parse: parseKey,
  },
  {
    flag: '--catalog <NAME>',
    description:
      'a catalog zone (RFC 9432), transferred as its key says: the zones that it lists are served too; repeatable',
    repeatable: true,
    parse: parseCatalog,
  },
  PORT,
  {
    flag: '--primary-port <PORT>',
    description: 'on which the primaries are reached; that of --port unless given',
    parse: parsePort,
  },
  LISTEN,
  { ...DATA, description: 'folder for copies of zones, served at once after a restart; without it nothing is kept' },
  {
    flag: '--forward-updates',
    description: 'pass signed updates on to the primaries, which judge them, and their replies back',
  },
  LOG_LEVEL,
  SYSLOG,
  MONITOR,
  HTTP,
  ...ANSWERING_OPTIONS,
  ...TLS_OPTIONS,
  ...PRIMARY_TLS_OPTIONS,
] as const;

export type SecondaryValues = Values<readonly [], typeof options>;

export const command = defineCommand({
  name: 'secondary',
  summary: 'serve zones transferred from the primaries that the keys name',
  arguments: [],
  options,
  async run(values, context) {
    beginAnswering(values);
    beginThreads(values.data === undefined ? TRANSFER_THREAD : COPIES_THREAD);
    const { runSecondary } = await import('./service.ts');
    return runSecondary(values, context);
  },
});
