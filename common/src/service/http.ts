/**
 * What a process says about itself over HTTP (`--http`): GET or HEAD of `/metrics` (Prometheus text), `/health` (alive),
 * `/ready` (200, or 503 with the reasons), `/status` (JSON). No TLS, no access control: it listens on 127.0.0.1 unless told
 * otherwise, and shows no secret (`/status` passes `redact`).
 *
 * Always holds: a request is small, short, and has no body; a fault in a callback is a 500 and a log line.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Fault, fail, ok, type Result } from '../result.ts';
import type { Endpoint } from './endpoint.ts';
import { explainListenError } from './lifecycle.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { redact } from './redact.ts';

const HEADER_LIMIT_OCTETS = 8192;
const TIMEOUT_MS = 5000;
const CONNECTION_LIMIT = 64;

export interface HttpOptions {
  /** Port 0 takes a free one. */
  readonly endpoint: Endpoint;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Why the service is not ready, one clause each; empty when it is. */
  ready(): readonly string[];
  /** JSON data: zones, serials, commits, peers and their lag, what is refused and why. */
  status(): unknown;
}

export interface HttpServer {
  readonly endpoint: Endpoint;
  /** Ends idle connections at once, others when their reply is out. */
  close(): Promise<void>;
}

interface Reply {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

function json(code: number, value: unknown): Reply {
  return { code, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, undefined, 2)}\n` };
}

const plain = (code: number, text: string): Reply => ({ code, type: 'text/plain; charset=utf-8', body: `${text}\n` });

type Page = (options: HttpOptions) => Reply | Promise<Reply>;

const PAGES: ReadonlyMap<string, Page> = new Map<string, Page>([
  [
    '/metrics',
    async ({ metrics }) => {
      const { type, body } = await metrics.text();
      return { code: 200, type, body };
    },
  ],
  ['/health', () => json(200, { alive: true })],
  [
    '/ready',
    (options) => {
      const reasons = options.ready();
      return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons: redact(reasons) });
    },
  ],
  ['/status', async (options) => json(200, redact(await options.status(), 0, Number.POSITIVE_INFINITY))],
]);

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const body = Buffer.from(reply.body);
  response.writeHead(reply.code, {
    'content-type': reply.type,
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(reply.code === 405 ? { allow: 'GET, HEAD' } : {}),
    ...(reply.code === 405 || reply.code === 413 ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answer(request: IncomingMessage, options: HttpOptions): Promise<Reply> {
  const [path = ''] = (request.url ?? '').split('?');
  const page = PAGES.get(path);
  if (page === undefined) return plain(404, 'not found: there are /metrics /health /ready /status');
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'only GET and HEAD');
  if (request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0) {
    return plain(413, 'a request has no body here');
  }
  try {
    return await page(options);
  } catch (error) {
    options.log.error('http.fault', { path, error });
    return plain(500, 'internal fault, see the log');
  }
}

function listen(server: Server, endpoint: Endpoint): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((done) => {
    server.once('error', done);
    server.listen({ host: endpoint.host, port: endpoint.port }, () => {
      server.off('error', done);
      done(undefined);
    });
  });
}

/** Listens. The fault is one of {@link explainListenError}. */
export async function startHttp(options: HttpOptions): Promise<Result<HttpServer, Fault>> {
  const server = createServer(
    {
      maxHeaderSize: HEADER_LIMIT_OCTETS,
      headersTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      keepAliveTimeout: TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      request.resume();
      void answer(request, options).then((reply) => send(request, response, reply));
    },
  );
  server.maxConnections = CONNECTION_LIMIT;
  // A peer that does not read its reply must not hold a connection for ever.
  server.setTimeout(2 * TIMEOUT_MS);
  const error = await listen(server, options.endpoint);
  if (error !== undefined)
    return fail(explainListenError(error, options.endpoint.host, options.endpoint.port, '--http'));
  server.on('error', (fault) => options.log.error('http.fault', { error: fault }));
  const { port } = server.address() as AddressInfo;
  return ok({
    endpoint: { host: options.endpoint.host, port },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeIdleConnections();
      }),
  });
}
