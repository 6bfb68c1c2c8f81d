/**
 * The tutorial of the README, command by command as it stands there, on its addresses and on port 53, in a network namespace:
 * git over OpenSSH's sshd, dig, nsupdate, a certificate from pebble. Only what the README leaves to its reader is set up here.
 */
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { makeSshdFolder } from '../support/git-peers.ts';
import { missing, needed, testUnless } from '../support/needs.ts';
import { namespaceReason, startNamespace } from '../support/netns.ts';
import { temporaryFolder } from '../support/owner.ts';
import { run, startProgram } from '../support/process.ts';
import { runSteps } from '../support/session.ts';
import { stepsOf } from '../support/steps.ts';
import { root } from '../support/zonewright.ts';

const ADDRESSES = ['10.0.42.1', '10.0.42.2', '10.0.42.3', '10.0.42.4'];
const programs = ['sshd', 'ssh-keygen', 'ssh', 'git', 'dig', 'nsupdate', 'pebble', 'openssl', 'curl'];
const absent = missing(...programs);
const reason = absent === undefined ? namespaceReason() : `needs package ${absent.join(', ')}`;

testUnless(test, reason)('the tutorial of the README works as it is written', async (t) => {
  t.timeout(300_000);
  const place = await startNamespace(t, ADDRESSES);
  const folder = await temporaryFolder(t, 'tutorial');
  const operator = join(folder, 'operator');
  for (const [path, comment] of [
    [operator, 'operator'],
    [join(folder, 'host-key'), 'host'],
  ] as const) {
    await run(needed('ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path]);
  }
  makeSshdFolder();
  const settings = [
    'ListenAddress=10.0.42.1:22',
    `HostKey=${join(folder, 'host-key')}`,
    // What the README has its reader append to ~git/.ssh/authorized_keys.
    `AuthorizedKeysFile=${operator}.pub ${join(folder, 'primary-key.pub')}`,
    'StrictModes=no',
    'UsePAM=no',
    'PermitRootLogin=yes',
    'PidFile=none',
    'UseDNS=no',
  ];
  const options = settings.flatMap((setting) => ['-o', setting]);
  const sshd = await startProgram(t, needed('sshd'), ['-D', '-e', '-f', '/dev/null', ...options], { within: place });
  await sshd.waitForLine(/Server listening/);

  const steps = stepsOf(await readFile(join(root, 'README.md'), 'utf8'), {
    beneath: 'Tutorial: git over ssh, on real addresses',
  });
  t.true(steps.length > 20, 'the README has the tutorial');
  const author = { NAME: 'A Person', EMAIL: 'person@example.org' };
  const results = await runSteps(steps, {
    cwd: folder,
    within: place,
    env: {
      PATH: `${join(root, 'bin')}:/usr/sbin:${process.env.PATH ?? ''}`,
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_SSH_COMMAND: `ssh -F /dev/null -i ${operator} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`,
      ...Object.fromEntries(
        ['AUTHOR', 'COMMITTER'].flatMap((role) =>
          Object.entries(author).map(([part, value]) => [`GIT_${role}_${part}`, value]),
        ),
      ),
    },
    // The account and the place of the repository are the reader's.
    rewrite: (text) => text.replace('git@10.0.42.1:zones.git', `${userInfo().username}@10.0.42.1:${folder}/zones.git`),
  });
  t.is(results.length, steps.length);
  const secrets = results.flatMap(({ output }) => [...output.matchAll(/:SHA256:(\S+)/g)].map(([, secret]) => secret!));
  for (const { command, output } of results.filter(({ status }) => status === undefined)) {
    for (const secret of secrets) t.false(output.includes(secret), `a secret in the output of ${command}`);
  }
});
