/**
 * `zonewright hook`: what a git server runs around a push. `pre-receive` refuses what the primary would refuse, while it can still be
 * repaired; `post-receive` has the primary pull.
 *
 * Run by git in the repository, with lines `OLD NEW REF` on standard input and the rest in the environment (githooks(5)); that can be
 * imitated where a server runs no hooks. No git program is needed.
 */

import type { Key } from '@zonewright/common/authority/key';
import { PushedObjects } from '@zonewright/common/git/pushed';
import { EXIT, type ExitCode } from '@zonewright/common/service/exit';
import {
  type ArgumentRow,
  type CommandContext,
  createContext,
  defineCommand,
  type Values,
} from '@zonewright/common/service/options';
import { oneOf } from '@zonewright/common/service/service-options';
import { parseKeyPath, readKeys } from './key-choice.ts';
import { maxChangeOf, parseMaxChange } from './max-change.ts';
import { assignKeys, changedZones, tellServers } from './post-receive.ts';
import { judgeMove, type Policy } from './pre-receive.ts';
import { type BranchMove, pushOptions, readMoves } from './push.ts';
import { PORT, parseTimeout, plainName } from './words.ts';

const options = [
  { flag: '--branch <NAME>', description: 'the branch that is served; others are let through', default: 'main' },
  {
    flag: '--serial <POLICY>',
    description: 'pre-receive: as the primary has it; `strict` refuses a zone whose serial was not raised',
    default: 'auto',
    parse: oneOf(['auto', 'strict']),
  },
  {
    flag: '--max-change <SHARE>',
    description:
      'pre-receive: the most that a zone may lose, as `30%` of its records, or so many records; the pusher may say otherwise: git push -o max-change=off',
    default: 'off',
    parse: parseMaxChange,
  },
  { flag: '--allow-deletion', description: 'pre-receive: let the branch be deleted' },
  {
    flag: '--server <HOST[:PORT]>',
    description: 'post-receive: a server to tell; repeatable',
    repeatable: true,
  },
  PORT,
  {
    flag: '--key <@FILE>',
    aliases: ['--key-file'],
    description: 'post-receive: a file of keys NAME:ALG:SECRET that may notify; repeatable',
    repeatable: true,
    parse: parseKeyPath,
  },
  {
    flag: '--timeout <S>',
    description: 'post-receive: seconds that a push may be held up',
    default: '5',
    parse: parseTimeout,
  },
] as const;

const KIND = {
  name: '<KIND>',
  description: 'pre-receive or post-receive',
  parse: oneOf(['pre-receive', 'post-receive']),
} as const satisfies ArgumentRow;

type HookValues = Values<readonly [], typeof options>;

export const command = defineCommand({
  name: 'hook',
  summary: 'check a push where it comes in, and have it served',
  description: `For a git server to run in the repository of the zones.

hook pre-receive: refuses a push with a zone or a key file that the primary would refuse.
hook post-receive: sends a signed NOTIFY for each zone that a push has changed.`,
  arguments: [KIND],
  options,
  async run({ kind, ...values }, called) {
    const context = createContext(`${called.program} ${kind}`, called.env, called);
    if (process.stdin.isTTY)
      return context.fail({ kind: 'usage', what: 'git runs this, with what is pushed on standard input' });
    const moves = await readMoves(process.stdin, values.branch);
    if (!moves.ok) return context.fail(moves.fault);
    const objects = new PushedObjects(process.cwd(), context.env);
    try {
      return kind === 'pre-receive'
        ? preReceive(objects, moves.value, values, context)
        : await postReceive(objects, moves.value, values, context);
    } finally {
      objects.close();
    }
  },
});

function preReceive(
  objects: PushedObjects,
  moves: readonly BranchMove[],
  values: HookValues,
  context: CommandContext,
): ExitCode {
  const maxChange = maxChangeOf(values.maxChange, pushOptions(context.env));
  if (!maxChange.ok) return context.fail(maxChange.fault);
  const policy: Policy = {
    branch: values.branch,
    serial: values.serial,
    maxChange: maxChange.value,
    isDeletionAllowed: values.allowDeletion,
  };
  let code: ExitCode = EXIT.done;
  for (const move of moves) {
    // Standard output is no less shown to the pusher, but not in order with this.
    const judged = judgeMove(objects, move, policy, (line) => context.err(line));
    if (!judged.ok) return context.fail(judged.fault);
    if (!judged.value) code = EXIT.problems;
  }
  return code;
}

async function postReceive(
  objects: PushedObjects,
  moves: readonly BranchMove[],
  { server: servers, port, key: paths, timeout }: HookValues,
  context: CommandContext,
): Promise<ExitCode> {
  if (servers.length === 0) return context.fail({ kind: 'usage', what: '--server is missing', hint: 'the primary' });
  if (paths.length === 0)
    return context.fail({ kind: 'usage', what: '--key is missing', hint: 'a primary pulls only for a signed NOTIFY' });
  const keys: Key[] = [];
  for (const path of paths) {
    const file = readKeys(path);
    if (!file.ok) return context.fail(file.fault);
    if (file.value.isOpen)
      context.err(`${context.program}: warning: all users of this machine can read ${path} (chmod 600)`);
    keys.push(...file.value.keys);
  }
  for (const move of moves) {
    // A branch that is gone is nothing to pull.
    if (move.next === undefined) continue;
    const zones = changedZones(objects, move);
    if (!zones.ok) return context.fail(zones.fault);
    const { told, without } = assignKeys(zones.value, keys);
    const code = told.length === 0 ? EXIT.done : await tellServers(servers, port, told, timeout, context);
    if (without.length > 0) {
      const names = without.slice(0, 10).map(plainName).join(', ');
      const more = without.length > 10 ? ` and ${without.length - 10} more` : '';
      const what = `no key may notify for ${names}${more}`;
      const failed = context.fail({
        kind: 'faulty',
        what,
        hint: 'a key _notify.ZONE of that zone, or of one above it',
      });
      if (code === EXIT.done) return failed;
    }
    if (code !== EXIT.done) return code;
  }
  return EXIT.done;
}
