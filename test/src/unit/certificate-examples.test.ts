/** The examples of docs/certificates.md: what they call is there, and those whom they are for understand them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from '@zonewright/cli/certify';
import { longName } from '@zonewright/common/service/options';
import test from 'ava';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { run } from '../support/process.ts';
import { root } from '../support/zonewright.ts';

const page = readFileSync(join(root, 'docs', 'certificates.md'), 'utf8');

const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]+?)^\`\`\`$`, 'gm'))].map(([, text]) => text!);

/** The units of the page by the names they have there. */
const units = new Map(
  [...page.matchAll(/^`\/etc\/systemd\/system\/([\w@.-]+)`[\s\S]*?^```ini\n([\s\S]+?)^```$/gm)].map(
    ([, name, text]) => [name!, text!],
  ),
);

test('every option in an example is one of certify', (t) => {
  const known = new Set(command.options.map(longName));
  const lines = [
    ...[...units.values()].flatMap((text) => text.match(/^ExecStart=.*$/gm) ?? []),
    ...(page.match(/^\$ zonewright certify .*$/gm) ?? []),
    ...blocks('yaml').map((text) =>
      text.slice(text.indexOf('- certify'), text.indexOf('restart:', text.indexOf('- certify'))),
    ),
  ];
  t.is(lines.length, 4);
  for (const line of lines) {
    const used = [...line.matchAll(/(?<=[\s'"])--([a-z-]+)/g)].map(([, name]) => name!);
    t.true(used.length > 0, line);
    t.deepEqual(
      used.filter((name) => !known.has(name)),
      [],
      line,
    );
  }
});

const withSystemd = testWith(test, ['systemd-analyze']);

withSystemd('systemd finds nothing wrong with the units', async (t) => {
  const folder = temporaryFolder(t, 'units');
  t.deepEqual([...units.keys()], ['certify@.service', 'certify@.timer', 'certify-daemon@.service']);
  const files = [...units].map(([name, text]) => {
    const file = join(folder, name.replace('@.', '@www.example.com.'));
    writeFileSync(file, text.replaceAll('/usr/local/bin/zonewright', join(root, 'bin', 'zonewright')));
    return file;
  });
  const ran = await run('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', ...files]);
  const said = (ran.stdout + ran.stderr).split('\n').filter((line) => /certify/.test(line));
  t.deepEqual(said, []);
});

const withCompose = testWith(test, ['docker-compose']);

withCompose('Compose finds nothing wrong with the sidecar', async (t) => {
  const file = join(temporaryFolder(t, 'compose'), 'compose.yaml');
  const [text = ''] = blocks('yaml');
  writeFileSync(file, text);
  const ran = await run('docker-compose', ['-f', file, 'config', '--quiet']);
  t.is(ran.code, 0, ran.stderr);
});
