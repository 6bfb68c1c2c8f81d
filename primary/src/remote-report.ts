/** What the log says of a remote that an operator should know early: a branch that is not there, and no right to push. */
import { describeRemote, type Remote } from '@zonewright/common/git/remote';
import type { GitFault, Inspection } from '@zonewright/common/git/store';
import type { Result } from '@zonewright/common/result';
import type { Log } from '@zonewright/common/service/log';

/** Branches that are named in a line. */
const NAMED_BRANCHES = 10;

export interface RemoteReportOptions {
  readonly remote: Remote;
  readonly log: Log;
  inspect(): Promise<Result<Inspection, GitFault>>;
}

export class RemoteReport {
  readonly #options: RemoteReportOptions;
  #hasAsked = false;

  constructor(options: RemoteReportOptions) {
    this.#options = options;
  }

  /** There is nothing to serve. `hasHead`: though the branch is there. */
  async empty(hasHead: boolean): Promise<void> {
    const { remote, log, inspect } = this.#options;
    const inspected = hasHead ? undefined : await inspect();
    const branches = inspected?.ok === true ? inspected.value.branches : [];
    const files = 'push a zone file named like its zone, and a key file `_keys`';
    log.warn(
      'repository.empty',
      {
        remote: describeRemote(remote),
        ...(branches.length === 0 ? {} : { branches: branches.slice(0, NAMED_BRANCHES) }),
      },
      hasHead
        ? `the repository holds no zones and no keys yet (${files})`
        : branches.length === 0
          ? `the repository is empty (${files})`
          : `the repository has no branch ${remote.branch} (choose another one: --remote URL#${branches[0]})`,
    );
  }

  /** The first pull that worked: looks once whether a push would be refused. */
  async pulled(): Promise<void> {
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    const { remote, log, inspect } = this.#options;
    const inspected = await inspect();
    const fault = inspected.ok ? inspected.value.pushFault : undefined;
    if (fault === undefined) return;
    const hint = fault.hint === undefined ? '' : ` (${fault.hint})`;
    log.warn(
      'push.denied',
      { remote: describeRemote(remote) },
      `zones are served, but neither updates nor raised serials can be written: ${fault.what}${hint}`,
    );
  }
}
