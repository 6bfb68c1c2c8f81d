/** What makes a primary pull beside DNS: hooks in the forms of the forges, over a real listener, and time. */
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Seats } from '@zonewright/common/net/seats';
import { printEndpoint } from '@zonewright/common/service/endpoint';
import { startHttp } from '@zonewright/common/service/http';
import { createLog } from '@zonewright/common/service/log';
import { createMetrics } from '@zonewright/common/service/metrics';
import { Poll, pollDelay } from '@zonewright/primary/trigger/poll';
import { webhook } from '@zonewright/primary/trigger/webhook';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { until } from '../support/until.ts';

const SECRET = "It's a Secret to Everybody";
const NOW = 1_614_265_330_000;
const PUSH = JSON.stringify({ ref: 'refs/heads/main', after: '1'.repeat(40) });

const hex = (body: string | Uint8Array, secret = SECRET): string =>
  createHmac('sha256', secret).update(body).digest('hex');

interface Hooked {
  readonly port: number;
  readonly counts: { received: number; refused: number };
  pulls(): number;
  text(): string;
  post(headers: Record<string, string>, body?: string | Uint8Array): Promise<readonly [code: number, text: string]>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

const start = async (t: ExecutionContext, secret = SECRET): Promise<Hooked> => {
  let text = '';
  let pulls = 0;
  const counts = { received: 0, refused: 0 };
  const log = createLog({
    level: 'debug',
    stream: {
      write: (line: string) => {
        text += line;
      },
    },
  });
  const route = webhook({
    secret,
    branch: 'main',
    log,
    count: (outcome) => void counts[outcome]++,
    pull: () => void pulls++,
    now: () => NOW,
  });
  const server = await startHttp({
    endpoint: { host: '127.0.0.1', port: 0 },
    log,
    metrics: createMetrics({}, false),
    ready: () => [],
    status: () => ({}),
    routes: new Map([['/hook', route]]),
  });
  if (!server.ok) throw new Error(server.fault.what);
  t.teardown(() => server.value.close());
  const base = `http://${printEndpoint(server.value.endpoint)}`;
  const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(base + path, init ?? {});
  return {
    port: server.value.endpoint.port,
    counts,
    pulls: () => pulls,
    text: () => text,
    post: async (headers, body = PUSH) => {
      const response = await ask('/hook', { method: 'POST', headers, body: body as string });
      return [response.status, await response.text()];
    },
    fetch: ask,
  };
};

const json = { 'content-type': 'application/json' };

test('a push is believed with the proof of each forge, and makes the primary pull', async (t) => {
  const hook = await start(t);
  const forms: readonly (readonly [form: string, headers: Record<string, string>])[] = [
    ['github', { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hex(PUSH)}` }],
    [
      'gitea',
      { 'x-gitea-event': 'push', 'x-gitea-signature': hex(PUSH), 'x-hub-signature-256': `sha256=${hex(PUSH)}` },
    ],
    ['forgejo', { 'x-forgejo-event': 'push', 'x-forgejo-signature': hex(PUSH), 'x-gitea-signature': hex(PUSH) }],
    ['gitlab', { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': SECRET }],
  ];
  for (const [index, [form, headers]] of forms.entries()) {
    t.deepEqual(await hook.post({ ...json, ...headers }), [202, 'accepted\n'], form);
    t.is(hook.pulls(), index + 1);
    t.regex(hook.text().trim().split('\n').at(-1)!, new RegExp(`"event":"hook.received","form":"${form}"`));
  }
  t.deepEqual(hook.counts, { received: forms.length, refused: 0 });
  t.false(hook.text().includes('Secret'));
});

test("the example of GitHub's manual is good, and so is the one of Standard Webhooks, as GitLab signs", async (t) => {
  const github = await start(t);
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
  t.is((await github.post({ 'x-hub-signature-256': signature }, 'Hello, World!'))[0], 202);
  t.is((await github.post({ 'x-hub-signature-256': signature }, 'Hello, World?'))[0], 403);

  const standard = await start(t, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  const headers = (more: Record<string, string> = {}): Record<string, string> => ({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': `${NOW / 1000}`,
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    'x-gitlab-event': 'Push Hook',
    ...more,
  });
  const body = '{"test": 2432232314}';
  t.is((await standard.post(headers(), body))[0], 202);
  const several = `v1a,AAAA v1,${'A'.repeat(43)}= ${headers()['webhook-signature']}`;
  t.is((await standard.post(headers({ 'webhook-signature': several }), body))[0], 202, 'one of several is enough');
  const old = `${NOW / 1000 - 301}`;
  const oldMac = createHmac('sha256', Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'))
    .update(`${headers()['webhook-id']}.${old}.${body}`)
    .digest('base64');
  for (const bad of [
    headers({ 'webhook-id': 'other' }),
    headers({ 'webhook-timestamp': `${NOW / 1000 + 1}` }),
    headers({ 'webhook-timestamp': old, 'webhook-signature': `v1,${oldMac}` }),
    headers({ 'webhook-timestamp': 'now' }),
    headers({ 'webhook-signature': 'v1,' }),
  ])
    t.is((await standard.post(bad, body))[0], 403);
  t.is(standard.pulls(), 2);
});

test('a push to another branch, a ping and other events cost no pull; what names no branch does', async (t) => {
  const hook = await start(t);
  const send = (event: string, body: string, more: Record<string, string> = json): Promise<readonly [number, string]> =>
    hook.post({ 'x-github-event': event, 'x-hub-signature-256': `sha256=${hex(body)}`, ...more }, body);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const inForm = (ref: string): string => new URLSearchParams({ payload: JSON.stringify({ ref }) }).toString();
  t.is((await send('ping', '{"zen":"Keep it."}'))[0], 200);
  t.is((await send('issues', '{}'))[0], 200);
  t.is((await send('push', JSON.stringify({ ref: 'refs/heads/other' })))[0], 200);
  t.is((await send('push', JSON.stringify({ ref: 'refs/tags/main' })))[0], 200);
  t.is((await send('push', inForm('refs/heads/other'), form))[0], 200);
  t.is(hook.pulls(), 0);
  t.is((await send('push', inForm('refs/heads/main'), form))[0], 202);
  for (const body of ['', 'no JSON', '[]', 'null', '{"ref":7}']) t.is((await send('push', body))[0], 202, body);
  const large = JSON.stringify({ ref: 'refs/heads/other', commits: 'x'.repeat(300_000) });
  t.is((await send('push', large))[0], 202, 'too long to be looked into');
  t.is(hook.pulls(), 7);
});

test('whatever is wrong with a proof, the answer is the same, nothing is pulled, and the log has one line', async (t) => {
  const hook = await start(t);
  const answers = new Set<string>();
  for (const headers of [
    {},
    { 'x-hub-signature-256': hex(PUSH) },
    { 'x-hub-signature-256': `sha256=${hex(PUSH).slice(1)}` },
    { 'x-hub-signature-256': `sha256=${hex(PUSH, 'another')}` },
    { 'x-hub-signature': `sha1=${createHmac('sha1', SECRET).update(PUSH).digest('hex')}` },
    { 'x-gitea-signature': `sha256=${hex(PUSH)}` },
    { 'x-forgejo-signature': hex('another body') },
    { 'x-gitlab-token': SECRET.slice(1) },
    { 'x-gitlab-token': hex(PUSH) },
    { 'webhook-id': 'x', 'webhook-timestamp': `${NOW / 1000}`, 'webhook-signature': `v1,${'A'.repeat(43)}=` },
  ] as Record<string, string>[]) {
    const [code, text] = await hook.post({ 'x-github-event': 'push', ...headers });
    answers.add(`${code} ${text}`);
  }
  t.deepEqual([...answers], ['403 no\n']);
  t.is(hook.pulls(), 0);
  t.is(hook.counts.refused, 10);
  t.is(hook.text().split('"hook.refused"').length - 1, 1);
  t.false(hook.text().includes('Secret'));
});

test('a hook is a POST to its own path; large bodies, slow ones and broken ones end in time', async (t) => {
  const hook = await start(t);
  const got = await hook.fetch('/hook');
  t.is(got.status, 405);
  t.is(got.headers.get('allow'), 'POST');
  t.is((await hook.fetch('/hook', { method: 'PUT', body: 'x' })).status, 405);
  t.is((await hook.fetch('/hooks', { method: 'POST', body: PUSH })).status, 404);
  t.is((await hook.fetch('/health')).status, 200);

  const raw = async (...parts: readonly (string | Uint8Array)[]): Promise<string> => {
    const socket = connect(hook.port, '127.0.0.1');
    let reply = '';
    socket.on('data', (chunk: Buffer) => {
      reply += chunk.toString();
    });
    socket.on('error', () => undefined);
    for (const part of parts) socket.write(part);
    await once(socket, 'close');
    return reply;
  };
  const head = `POST /hook HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: sha256=${hex(PUSH)}\r\n`;
  t.regex(await raw(`${head}content-length: 30000000\r\n\r\n`), /^HTTP\/1\.1 413 /);
  t.regex(await raw(`${head}content-length: 100\r\n\r\nhalf`), /^HTTP\/1\.1 408 /, 'it waits for seconds, no longer');
  const octets = randomBytes(1 << 20);
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), octets, Buffer.from('\r\n')]);
  const endless = raw(`${head}transfer-encoding: chunked\r\n\r\n`, ...Array.from({ length: 27 }, () => chunk));
  t.regex(await endless, /^(?:HTTP\/1\.1 413 |$)/);
  t.is(hook.pulls(), 0);
});

test('no header makes a hook throw, and none without the secret is believed', async (t) => {
  const hook = await start(t);
  const names = fc.constantFrom(
    'x-hub-signature-256',
    'x-gitea-signature',
    'x-gitlab-token',
    'webhook-id',
    'webhook-timestamp',
    'webhook-signature',
    'x-github-event',
    'content-type',
  );
  const values = fc.oneof(
    fc.stringMatching(/^[\x21-\x7e]{0,80}$/),
    fc.constantFrom('sha256=', 'v1,', `sha256=${'0'.repeat(64)}`, `v1,${'A'.repeat(43)}=`, `${NOW / 1000}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, values, { maxKeys: 5 }), fc.string(), async (headers, body) => {
      t.is((await hook.post({ 'content-type': 'text/plain', ...headers }, body))[0], 403);
    }),
    { numRuns: 60 },
  );
  t.is(hook.pulls(), 0);
  t.false(hook.text().includes('http.fault'));
});

test('a poll comes after each interval, never while a pull is under way, and a pull by others begins it anew', async (t) => {
  let asked = 0;
  let finish: () => void = () => undefined;
  const poll = new Poll({
    interval: 20,
    random: () => 0.5,
    pull: () => {
      asked++;
      poll.around(
        new Promise<void>((done) => {
          finish = done;
        }),
      );
    },
  });
  t.teardown(() => poll.close());
  await until(() => asked === 1, { what: 'the first' });
  const other = new Promise((done) => setTimeout(done, 100));
  poll.around(other);
  finish();
  await other;
  t.is(asked, 1, 'the pull that somebody else asked for was under way');
  await until(() => asked === 2, { what: 'the second' });
  finish();
  poll.around(Promise.reject(new Error('the remote is away')));
  await until(() => asked === 3, { what: 'one after a failure' });
  poll.close();
  finish();
  await new Promise((done) => setTimeout(done, 60));
  t.is(asked, 3);
});

test('the interval of a poll is up to a tenth longer or shorter, by chance', (t) => {
  t.deepEqual(
    [0, 0.5, 1].map((chance) => pollDelay(1000, chance)),
    [900, 1000, 1100],
  );
});

test('sixty-four slow bodies keep nobody from asking how the service is', async (t) => {
  const hook = await start(t);
  const head = `POST /hook HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: sha256=${hex(PUSH)}\r\ncontent-length: 1000\r\n\r\n{`;
  let busy = 0;
  let ended = 0;
  for (let i = 0; i < 64; i++) {
    const slow = connect(hook.port, '127.0.0.1').on('error', () => undefined);
    t.teardown(() => slow.destroy());
    slow.on('data', (octets: Buffer) => {
      if (octets.includes('HTTP/1.1 503 ')) busy++;
    });
    slow.on('close', () => void ended++);
    slow.write(head);
  }
  await until(async () => ended, { what: 'there is room for others', holds: (count) => count >= 48, timeout: 60_000 });
  t.true(busy > 0 && busy <= 48);
  t.is((await hook.fetch('/health')).status, 200);
});

/** Opens `count` connections that send `head`, then an octet of a body now and then. Gives what they are answered. */
const sendSlowly = (t: ExecutionContext, hook: Hooked, count: number, head: string): readonly string[] => {
  const answers: string[] = [];
  for (let i = 0; i < count; i++) {
    const slow = connect(hook.port, '127.0.0.1').on('error', () => undefined);
    slow.on('data', (octets: Buffer) => void answers.push(octets.toString('latin1').slice(9, 12)));
    const timer = setInterval(() => slow.write('x'), 100);
    slow.on('close', () => clearInterval(timer));
    t.teardown(() => slow.destroy());
    slow.write(`POST /hook HTTP/1.1\r\nhost: x\r\n${head}content-length: 26000000\r\n\r\n`);
  }
  return answers;
};

test('a wrong token is refused before its body is there, so it takes no place from a good hook', async (t) => {
  const hook = await start(t);
  const answers = sendSlowly(t, hook, 20, 'x-gitlab-token: wrong\r\n');
  await until(() => answers.length === 20, { what: 'all are answered' });
  t.deepEqual([...new Set(answers)], ['403']);
  t.is((await hook.post({ ...json, 'x-gitlab-token': SECRET }))[0], 202);
  t.false(hook.text().includes('http.busy'));
});

test('slow bodies with a MAC that may be good keep no hook away: the oldest gives way, and the log has one line', async (t) => {
  const hook = await start(t);
  const answers = sendSlowly(t, hook, 40, `x-hub-signature-256: sha256=${hex(PUSH, 'another')}\r\n`);
  await until(() => answers.length >= 24, { what: 'sixteen are left' });
  for (let i = 0; i < 20; i++)
    t.is((await hook.post({ ...json, 'x-hub-signature-256': `sha256=${hex(PUSH)}` }))[0], 202);
  // A machine that is busy may also find one too slow.
  t.deepEqual(
    [...new Set(answers)].filter((code) => code !== '408'),
    ['503'],
  );
  t.is(hook.text().split('"http.busy"').length - 1, 1);
});

test('four hundred connections that do not end their headers keep nobody from the pages', async (t) => {
  const hook = await start(t);
  let open = 0;
  for (let i = 0; i < 400; i++) {
    const slow = connect(hook.port, '127.0.0.1', () => slow.write('GET /health HTTP/1.1\r\nhost: x\r\nx: '));
    slow.on('error', () => undefined).once('connect', () => void open++);
    t.teardown(() => slow.destroy());
  }
  await until(() => open === 400, { what: 'all are connected' });
  for (let i = 0; i < 20; i++) t.is((await hook.fetch('/health')).status, 200);
  t.is(hook.text().split('"http.busy"').length - 1, 1);
});

test('of places that are all taken the oldest of the client that has most is given to who comes', (t) => {
  const seats = new Seats<string>(4, (holder) => !holder.startsWith('busy'));
  for (const holder of ['busy 1', 'a2', 'a3']) t.is(seats.take(holder, 'a'), undefined);
  t.is(seats.take('b1', 'b'), undefined);
  t.is(seats.take('c1', 'c'), 'a2', 'the oldest of a but for what is not spare');
  t.is(seats.take('c2', 'c'), 'a3', 'with the new one both have two');
  t.is(seats.take('c3', 'c'), 'c1', 'whoever has most gives way to itself as well');
  seats.leave('b1');
  seats.leave('nobody');
  t.is(seats.take('d1', 'd'), undefined);
  t.is(seats.take('d2', 'd'), 'c2');
  t.is(new Seats<string>(1).take('only', 'a'), undefined);
});
