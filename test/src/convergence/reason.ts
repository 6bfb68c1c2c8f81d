/** Whether a wire between namespaces can be made on this machine. */
import { spawnSync } from 'node:child_process';
import { linuxCalls } from '@zonewright/common/net/linux-calls';
import { missing } from '../support/needs.ts';
import { namespaceReason } from '../support/netns.ts';

/** Why it cannot, as words for a test's title; `undefined` where it can. */
export function convergenceReason(): string | undefined {
  const absent = missing('faketime', 'git', 'ip', 'named', 'nsenter');
  if (absent !== undefined) return `needs package ${absent.join(', ')}`;
  const calls = linuxCalls();
  if (!calls.ok) return calls.fault;
  const reason = namespaceReason();
  if (reason !== undefined) return reason;
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const tried = spawnSync('unshare', [...user, '--net', 'ip', 'tuntap', 'add', 'dev', 'zw0', 'mode', 'tun']);
  return tried.status === 0 ? undefined : 'needs TUN interfaces, which this machine forbids';
}
