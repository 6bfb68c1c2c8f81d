/** `zonewright primary`: its options, and what is begun before all else is loaded. The wiring is in `service.ts`. */
import { beginAnswering } from '@zonewright/common/service/answering';
import { defineCommand, type Values } from '@zonewright/common/service/options';
import { REMOTE_OPTIONS } from '@zonewright/common/service/remote-options';
import { ANSWERING_OPTIONS, oneOf, SERVICE_OPTIONS, wholeNumber } from '@zonewright/common/service/service-options';
import { beginThreads } from '@zonewright/common/service/thread';
import { TLS_OPTIONS } from '@zonewright/common/service/tls-options';
import { parseAck } from './ack-option.ts';
import { parseCatalog } from './catalog.ts';
import { JOURNAL_THREAD, LOADER_THREAD } from './threads.ts';
import { TRIGGER_OPTIONS } from './trigger/triggers.ts';

/** Updates that may wait to be written, and for how long: seconds. Unless told otherwise. */
export const DEFAULT_UNPUSHED = 10_000;
export const DEFAULT_UNPUSHED_AGE = 86_400;

const options = [
  ...REMOTE_OPTIONS,
  { flag: '--axfr', description: 'let anybody transfer zones, without a key' },
  {
    flag: '--ack <WHEN>',
    description:
      'when an update is acknowledged: `journal`, once it is on the disk here, needs --data and is the default with it; `secondaries[=N]`, once N of them serve it as well, all that are known unless given; `push`, once its commit is in the remote',
    parse: parseAck,
  },
  {
    flag: '--max-unpushed <N>',
    description: 'updates that may wait to be written to git; further ones are SERVFAIL',
    default: `${DEFAULT_UNPUSHED}`,
    parse: wholeNumber(1, 1_000_000),
  },
  {
    flag: '--max-unpushed-age <SECONDS>',
    description: 'how long the oldest of them may wait; further ones are SERVFAIL then',
    default: `${DEFAULT_UNPUSHED_AGE}`,
    parse: wholeNumber(1, 31_536_000),
  },
  {
    flag: '--serial <POLICY>',
    description:
      'a commit that changes a zone without raising its serial: `auto` raises it, `strict` refuses that zone',
    default: 'auto',
    parse: oneOf(['auto', 'strict']),
  },
  {
    flag: '--catalog <NAME>',
    description: 'publish a catalog zone of this name (RFC 9432), which lists all zones for secondaries of any make',
    parse: parseCatalog,
  },
  ...TRIGGER_OPTIONS,
  ...SERVICE_OPTIONS,
  ...ANSWERING_OPTIONS,
  ...TLS_OPTIONS,
] as const;

export type PrimaryValues = Values<readonly [], typeof options>;

export const command = defineCommand({
  name: 'primary',
  summary: 'serve zones from a git repository, and write updates back to it',
  arguments: [],
  options,
  async run(values, context) {
    beginThreads(LOADER_THREAD);
    if (values.data !== undefined) beginThreads(JOURNAL_THREAD);
    beginAnswering(values);
    const { runPrimary } = await import('./service.ts');
    return runPrimary(values, context);
  },
});
