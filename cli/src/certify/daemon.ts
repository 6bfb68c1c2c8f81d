/** `zonewright certify --daemon`: a keeper as a process, with its log and its signals. */
import type { ExitCode } from '@zonewright/common/service/exit';
import { runService } from '@zonewright/common/service/lifecycle';
import type { ProcessLog } from '@zonewright/common/service/log';
import type { Deploy } from './deploy.ts';
import { Keeper, type RoundEvent } from './keeper.ts';
import type { CertificateRequest } from './obtain.ts';
import { round } from './round.ts';

/** Runs until it is told to stop. */
export function runDaemon(
  wanted: CertificateRequest,
  { wait, deploy, log }: { readonly wait: number; readonly deploy: Deploy | undefined; readonly log: ProcessLog },
): Promise<ExitCode> {
  const { hostname } = wanted;
  const say = (line: string): void => log.info('certificate.progress', { host: hostname }, line);
  const keeper = new Keeper({
    run: (signal) => round(wanted, { wait, signal, say }, deploy),
    onRound: (event) => tell(log, wanted, event),
  });
  return runService({
    log,
    start: async () => {
      keeper.start();
      return { ok: true, value: { host: hostname } };
    },
    hup: () => keeper.start(),
    stop: () => keeper.stop(),
  });
}

function tell(log: ProcessLog, { hostname: host, certificateFile: file }: CertificateRequest, event: RoundEvent): void {
  const retry = new Date(Date.now() + event.pause).toISOString();
  if (event.kind === 'fault') {
    const { kind, what, hint } = event.fault;
    log.warn('certificate.failed', { host, fault: kind, reason: what, hint, retry });
    return;
  }
  const until = new Date(event.chain[0]!.notAfter).toISOString();
  if (event.outcome === 'fetched') log.info('certificate.fetched', { host, file, until });
  else log.debug('certificate.kept', { host, file, until, retry });
}
