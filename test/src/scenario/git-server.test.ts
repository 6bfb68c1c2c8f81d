/** The samples of docs/git-server.md as they are printed there, with forges imitated as far as their servers are concerned. */
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { git, gitEnvironment } from '../support/git-peers.ts';
import { makeHooked } from '../support/hooked.ts';
import { testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { type Ran, run } from '../support/process.ts';
import { startScene } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { runSteps } from '../support/session.ts';
import { stepsOf } from '../support/steps.ts';
import { root } from '../support/zonewright.ts';

const secrecy = secrecyOf(anyTest);
const page = readFileSync(join(root, 'docs/git-server.md'), 'utf8');
const path = `${join(root, 'bin')}:/usr/sbin:${process.env.PATH ?? ''}`;

const zone = (serial: number, more = ''): string =>
  `$TTL 60\n@ SOA ns hostmaster ${serial} 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n${more}`;

/** The blocks of one language below a heading. */
const blocksOf = (heading: string, language: string): string[] => {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text!);
};

/** Scripts of a YAML text: the blocks behind `KEY: |` or `- |`, by the line above them that has a name. */
const scriptsOf = (yaml: string): Map<string, string> => {
  const scripts = new Map<string, string>();
  const lines = yaml.split('\n');
  let name = '';
  for (const [at, line] of lines.entries()) {
    name = /^ *- name: (.*)$/.exec(line)?.[1] ?? name;
    if (!/^ *run: \|$/.test(line)) continue;
    const rest = lines.slice(at + 1);
    const indent = /^ */.exec(rest[0]!)![0];
    const end = rest.findIndex((text) => text !== '' && !text.startsWith(indent));
    scripts.set(
      name,
      rest
        .slice(0, end < 0 ? undefined : end)
        .map((text) => text.slice(indent.length))
        .join('\n'),
    );
  }
  return scripts;
};

/** Runs a script as a forge does: it ends with the first command that fails. */
const runScript = (script: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Ran> =>
  run('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    cwd,
    env: { ...gitEnvironment, PATH: path, ...env },
  });

/** A key file, and the line for the repository. */
const makeKey = (owner: Owner): { readonly file: string; readonly text: string; readonly line: string } => {
  const text = secrecy.newKey('hook._notify');
  const file = join(temporaryFolder(owner, 'key'), 'notify.key');
  writeFileSync(file, text, { mode: 0o600 });
  return { file, text, line: keyLine(text) };
};

const test = testWith(anyTest, ['git', 'dig']);

test('a bare repository over ssh, and a clone without hooks, are as the page says', async (t) => {
  t.timeout(300_000);
  const folder = temporaryFolder(t, 'git-server');
  const port = await freePort('127.0.0.1');
  const steps = [
    ...stepsOf(page, { beneath: 'A bare repository over ssh' }),
    ...stepsOf(page, { beneath: 'Without a git server at all' }),
  ];
  t.true(steps.length > 20);
  const results = await runSteps(steps, {
    cwd: folder,
    env: { ...gitEnvironment, PATH: path, HOME: folder },
    rewrite: (text) =>
      text
        .replace('git@10.0.42.1:zones.git', join(folder, 'zones.git'))
        .replace('--listen 10.0.42.2', `--listen 127.0.0.1 --port ${port}`)
        .replace('--server 10.0.42.2', `--server 127.0.0.1:${port}`)
        .replace('@10.0.42.2', `@127.0.0.1 -p ${port}`)
        .replace('10.0.42.2:53', `127.0.0.1:${port}`),
  });
  t.is(results.length, steps.length);
  for (const { output } of results.filter(({ command }) => command.includes(' push '))) secrecy.look(output);
});

/** The hook that Gitea and Forgejo put into each repository, in essence: all programs of the folder beside it, with the same input. */
const DELEGATE = `#!/usr/bin/env bash
data=$(cat)
exitcodes=""
hookname=$(basename $0)
GIT_DIR=\${GIT_DIR:-$(dirname $0)/..}
for hook in \${GIT_DIR}/hooks/\${hookname}.d/*; do
  test -x "\${hook}" && test -f "\${hook}" || continue
  echo "\${data}" | "\${hook}"
  exitcodes="\${exitcodes} $?"
done
for i in \${exitcodes}; do
  [ \${i} -eq 0 ] || exit \${i}
done
`;

test('in the folder of hooks of Gitea and Forgejo the scripts of the page do what hooks do', async (t) => {
  const key = makeKey(t);
  const hooked = await makeHooked(t, {});
  const { push, path: bare } = hooked;
  await push({ mirage: zone(1, 'a A 192.0.2.1\nb A 192.0.2.2\nc A 192.0.2.3\n'), _keys: key.line });
  const port = await freePort('127.0.0.1');
  const primary = await startScene(t, secrecy, 'primary', ['--remote', bare], { port });
  for (const kind of ['pre-receive', 'post-receive']) {
    writeFileSync(join(bare, 'hooks', kind), DELEGATE);
    chmodSync(join(bare, 'hooks', kind), 0o755);
    mkdirSync(join(bare, 'hooks', `${kind}.d`));
  }
  const [script] = blocksOf('Gitea and Forgejo', 'sh');
  const here = script!
    .replace('/var/lib/gitea/data/gitea-repositories/dns/zones.git', bare)
    .replace('--server 10.0.42.2', `--server 127.0.0.1:${port}`)
    .replace('/var/lib/gitea/notify.key', key.file);
  t.is((await runScript(here, '/', {})).code, 0);
  const env = { env: { PATH: path } };
  const bad = await push({ mirage: zone(2, 'a A nonsense\n') }, env);
  t.false(bad.isTaken);
  t.regex(bad.remote[0] ?? '', /^mirage:5:5: error: 'nonsense' is no IPv4 address/);
  t.false((await push({ mirage: zone(2) }, env)).isTaken);
  const good = await push({ mirage: zone(2, 'a A 192.0.2.9\n') }, { ...env, words: ['-o', 'max-change=off'] });
  t.true(good.isTaken, good.text);
  t.true(good.remote.includes(`127.0.0.1:${port}: zone mirage: acknowledged`), good.text);
  t.is(await primary.look('a.mirage'), 'NOERROR 192.0.2.9');
});

test('the script for GitLab puts its mark before each line, and ends as the hook did', async (t) => {
  const hooked = await makeHooked(t, {});
  const [script] = blocksOf('GitLab of your own', 'sh');
  const file = join(hooked.path, 'hooks', 'pre-receive');
  writeFileSync(file, script!);
  chmodSync(file, 0o755);
  const env = { env: { PATH: path } };
  const bad = await hooked.push({ mirage: zone(1, 'a A nonsense\n') }, env);
  t.false(bad.isTaken);
  t.deepEqual(
    bad.remote.map((line) => line.replace(/ \(.*/, '')),
    [
      "GL-HOOK-ERR: mirage:5:5: error: 'nonsense' is no IPv4 address",
      'GL-HOOK-ERR: refused: one error in one file; nothing of this push is taken',
    ],
  );
  const good = await hooked.push({ mirage: zone(1) }, env);
  t.deepEqual([good.isTaken, good.remote], [true, ['GL-HOOK-ERR: mirage: zone mirage is new, serial 1']]);
});

const ZERO = '0'.repeat(40);

test('the steps of the workflow for GitHub check what was pushed, and have it served', async (t) => {
  const key = makeKey(t);
  const { folder, path: bare, push, git: inClone } = await makeHooked(t, {});
  // github.com gives any commit of a repository to who asks for it.
  await git(bare, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  await push({ mirage: zone(1), _keys: key.line });
  const port = await freePort('127.0.0.1');
  const primary = await startScene(t, secrecy, 'primary', ['--remote', bare], { port });
  const [workflow] = blocksOf('GitHub', 'yaml');
  const scripts = scriptsOf(workflow!);
  t.deepEqual([...scripts.keys()], ['Get Zonewright', 'Get the zones', 'Check what changed', 'Have it served']);
  t.regex(scripts.get('Get Zonewright')!, /^npm ci --ignore-scripts\nnpm run build$/m);
  const work = async (old: string, next: string): Promise<readonly Ran[]> => {
    const temp = temporaryFolder(t, 'runner');
    symlinkSync(root, join(temp, 'zonewright'));
    const env = {
      RUNNER_TEMP: temp,
      GITHUB_SERVER_URL: `file://${folder}`,
      GITHUB_REPOSITORY: 'zones.git',
      OLD: old,
      NEW: next,
      TOKEN: 'ghs_a_token',
      NOTIFY_KEY: key.text,
    };
    const ran: Ran[] = [];
    for (const name of ['Get the zones', 'Check what changed', 'Have it served']) {
      const script = scripts.get(name)!.replace('--server ns.example', `--server 127.0.0.1:${port}`);
      ran.push(await runScript(script, temp, env));
      secrecy.look(ran.at(-1)!.stdout + ran.at(-1)!.stderr);
      if (ran.at(-1)!.code !== 0) break;
    }
    return ran;
  };
  const first = await inClone('rev-parse', 'HEAD');
  const whole = await work(ZERO, first);
  t.deepEqual(
    whole.map(({ code }) => code),
    [0, 0, 0],
    JSON.stringify(whole),
  );
  await push({ mirage: zone(2, 'a A nonsense\n') });
  const bad = await work(first, await inClone('rev-parse', 'HEAD'));
  t.deepEqual(
    bad.map(({ code }) => code),
    [0, 1],
    JSON.stringify(bad),
  );
  t.regex(bad[1]!.stderr, /^mirage:5:5: error: 'nonsense' is no IPv4 address/);
  await push({ mirage: zone(2, 'a A 192.0.2.1\n') });
  const good = await work(first, await inClone('rev-parse', 'HEAD'));
  t.deepEqual(
    good.map(({ code }) => code),
    [0, 0, 0],
    JSON.stringify(good),
  );
  t.true(good[2]!.stdout.includes(`127.0.0.1:${port}: zone mirage: acknowledged`), good[2]!.stdout + good[2]!.stderr);
  t.is(await primary.look('a.mirage'), 'NOERROR 192.0.2.1');
});

test('the lines of the job for GitLab CI check what was pushed, and have it served', async (t) => {
  const key = makeKey(t);
  const { path: bare, clone, push, git: inClone } = await makeHooked(t, {});
  await push({ mirage: zone(1), _keys: key.line });
  const port = await freePort('127.0.0.1');
  const primary = await startScene(t, secrecy, 'primary', ['--remote', bare], { port });
  writeFileSync(join(clone, '.git/info/exclude'), 'pushed\n');
  const [job] = blocksOf('GitLab CI', 'yaml');
  const script = job!.split('\n  script:\n')[1]!;
  const items = script
    .split(/^ {4}- /m)
    .filter((text) => text.trim() !== '')
    .map((text) => text.replace(/^\|\n/, '').replaceAll(/^ {6}/gm, ''));
  t.is(items.length, 5);
  t.regex(items[1]!, /npm ci --ignore-scripts && npm run build/);
  const work = (env: Readonly<Record<string, string>>): Promise<Ran> => {
    const here = items
      .slice(2)
      .join('\n')
      .replaceAll('/opt/zonewright', root.replace(/\/$/, ''))
      .replace('--server ns.example', `--server 127.0.0.1:${port}`);
    return runScript(here, clone, env);
  };
  const first = await inClone('rev-parse', 'HEAD');
  const env = async (source: string, before: string): Promise<Record<string, string>> => ({
    CI_PIPELINE_SOURCE: source,
    CI_COMMIT_SHA: await inClone('rev-parse', 'HEAD'),
    NOTIFY_KEY: key.file,
    ...(source === 'push'
      ? { CI_COMMIT_BEFORE_SHA: before }
      : { CI_MERGE_REQUEST_DIFF_BASE_SHA: before, CI_COMMIT_BEFORE_SHA: ZERO }),
  });
  t.is((await work(await env('push', ZERO))).code, 0);
  await push({ mirage: zone(2, 'a A nonsense\n') });
  const bad = await work(await env('merge_request_event', first));
  t.is(bad.code, 1);
  t.regex(bad.stderr, /^mirage:5:5: error: 'nonsense' is no IPv4 address/);
  await push({ mirage: zone(2, 'a A 192.0.2.1\n') });
  const good = await work(await env('push', first));
  t.is(good.code, 0, good.stderr);
  t.true(good.stdout.includes(`127.0.0.1:${port}: zone mirage: acknowledged`), good.stdout + good.stderr);
  t.is(await primary.look('a.mirage'), 'NOERROR 192.0.2.1');
});
