/**
 * What a process says about itself over HTTP (`--http`): GET or HEAD of `/metrics` (Prometheus text), `/health` (alive),
 * `/ready` (200, or 503 with the reasons), `/status` (JSON); and the routes that a service has beside them. No TLS, no access
 * control of its own: it listens on 127.0.0.1 unless told otherwise, and shows no secret (`/status` passes `redact`).
 *
 * Always holds: a request is small and short; a body is read only by a route that asks for one, up to its limit; who comes when all
 * places are taken gets one from whoever holds most, so slow peers keep nobody away; a fault in a callback is a 500 and a log line.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { clientOf, peerOf } from '../net/address.ts';
import { Seats } from '../net/seats.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import type { Endpoint } from './endpoint.ts';
import { explainListenError } from './lifecycle.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { RareLine } from './rare-line.ts';
import { redact } from './redact.ts';

const HEADER_LIMIT_OCTETS = 8192;
/** Of the headers of a request, which come in one piece but from who wants to hold a connection. */
const HEADERS_MS = 2000;
/** Of a whole request. */
const TIMEOUT_MS = 5000;
/** Milliseconds between two looks at who is too slow. */
const CHECK_INTERVAL_MS = 500;
const CONNECTION_LIMIT = 256;
/** Connections that bodies are read from: the others are for those that ask how the service is. */
const BODY_READERS_LIMIT = 16;

export interface HttpReply {
  /** Status code. */
  readonly code: number;
  /** Media type. */
  readonly type: string;
  readonly body: string;
}

/** How a body ended: as a whole, larger than its route takes, before its end, or because another one needed its place. */
export type BodyEnd = 'whole' | 'too-large' | 'cut' | 'displaced';

export interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
  /** Gives the octets of the body as they come. To be called at most once. */
  read(take: (octets: Uint8Array) => void): Promise<BodyEnd>;
}

/** What is at a path. */
export interface HttpRoute {
  /** GET is HEAD as well. */
  readonly method: 'GET' | 'POST';
  /** Octets of the largest body; 0: a request has none. */
  readonly bodyLimit: number;
  answer(request: HttpRequest): HttpReply | Promise<HttpReply>;
}

export interface HttpOptions {
  /** Port 0 takes a free one. */
  readonly endpoint: Endpoint;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Why the service is not ready, one clause each; empty when it is. */
  ready(): readonly string[];
  /** JSON data: zones, serials, commits, peers and their lag, what is refused and why. */
  status(): unknown;
  /** What else there is, by path. */
  readonly routes?: ReadonlyMap<string, HttpRoute>;
}

export interface HttpServer {
  readonly endpoint: Endpoint;
  /** Ends idle connections at once, others when their reply is out. */
  close(): Promise<void>;
}

function json(code: number, value: unknown): HttpReply {
  return { code, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, undefined, 2)}\n` };
}

/** A reply of one line of text. */
export const plainReply = (code: number, text: string): HttpReply => ({
  code,
  type: 'text/plain; charset=utf-8',
  body: `${text}\n`,
});

/** What is said to who sent a body that did not come to its end. */
export const UNFINISHED = {
  'too-large': plainReply(413, 'no'),
  cut: plainReply(400, 'no'),
  displaced: plainReply(503, 'busy, try again'),
} as const satisfies Record<Exclude<BodyEnd, 'whole'>, HttpReply>;

/** The pages that every service has. */
function pagesOf(options: HttpOptions): readonly (readonly [string, HttpRoute])[] {
  const page = (path: string, answer: HttpRoute['answer']) => [path, { method: 'GET', bodyLimit: 0, answer }] as const;
  return [
    page('/metrics', async () => ({ code: 200, ...(await options.metrics.text()) })),
    page('/health', () => json(200, { alive: true })),
    page('/ready', () => {
      const reasons = options.ready();
      return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons: redact(reasons) });
    }),
    page('/status', async () => json(200, redact(await options.status(), 0, Number.POSITIVE_INFINITY))),
  ];
}

const METHODS = { GET: ['GET', 'HEAD'], POST: ['POST'] } as const;

function send(request: IncomingMessage, response: ServerResponse, reply: HttpReply, allow: string): void {
  const body = Buffer.from(reply.body);
  response.writeHead(reply.code, {
    'content-type': reply.type,
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(reply.code === 405 ? { allow } : {}),
    // Places for connections are few: who comes once does not keep one.
    ...(reply.code === 405 || reply.code === 413 || request.method === 'POST' ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
  request.resume();
}

/** Whom a connection is counted as. */
function clientAt({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? '' : clientOf(peerOf(remoteAddress, remotePort ?? 0).address);
}

/** Tells, now and then, that places of this kind were taken away. */
function busyTeller(log: Log, what: string): () => void {
  const line = new RareLine();
  return () => {
    const count = line.add();
    if (count !== undefined)
      log.warn('http.busy', { what, count }, 'too many at once: the oldest gave way to a new one');
  };
}

/** Bodies under way. */
interface Bodies {
  /** What to call where one has to make room. */
  readonly seats: Seats<() => void>;
  /** Tells that one had to. */
  readonly busy: () => void;
}

/** Reads a body of at most `limit` octets. */
function readBody(
  request: IncomingMessage,
  limit: number,
  take: (octets: Uint8Array) => void,
  bodies: Bodies,
): Promise<BodyEnd> {
  return new Promise((done) => {
    const displace = (): void => {
      bodies.busy();
      end('displaced');
    };
    const end = (how: BodyEnd): void => {
      bodies.seats.leave(displace);
      request.off('data', read);
      done(how);
    };
    let octets = 0;
    const read = (chunk: Buffer): void => {
      octets += chunk.length;
      if (octets <= limit) take(chunk);
      else end('too-large');
    };
    bodies.seats.take(displace, clientAt(request.socket))?.();
    request.on('data', read);
    request.once('end', () => end('whole'));
    // After its end it is late for both; before it they come when the client goes away, or takes longer than it may.
    request.once('error', () => end('cut'));
    request.once('close', () => end('cut'));
  });
}

async function answer(
  request: IncomingMessage,
  path: string,
  route: HttpRoute | undefined,
  known: string,
  bodies: Bodies,
  log: Log,
): Promise<HttpReply> {
  if (route === undefined) return plainReply(404, `not found: there are ${known}`);
  const methods: readonly string[] = METHODS[route.method];
  if (!methods.includes(request.method ?? '')) return plainReply(405, `only ${methods.join(' and ')}`);
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  const announced = Number(request.headers['content-length'] ?? 0);
  if (route.bodyLimit === 0 && (isChunked || announced > 0)) return plainReply(413, 'a request has no body here');
  if (announced > route.bodyLimit) return plainReply(413, `a body has at most ${route.bodyLimit} octets here`);
  try {
    return await route.answer({
      headers: request.headers,
      read: (take) => readBody(request, route.bodyLimit, take, bodies),
    });
  } catch (error) {
    log.error('http.fault', { path, error });
    return plainReply(500, 'internal fault, see the log');
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
  const routes = new Map<string, HttpRoute>([...pagesOf(options), ...(options.routes ?? [])]);
  const known = [...routes.keys()].join(' ');
  const bodies: Bodies = {
    seats: new Seats(BODY_READERS_LIMIT),
    busy: busyTeller(options.log, 'requests with a body'),
  };
  const crowded = busyTeller(options.log, 'connections');
  /** Connections with a request that is being answered. */
  const answering = new Set<Socket>();
  const connections = new Seats<Socket>(CONNECTION_LIMIT, (socket) => !answering.has(socket));
  const server = createServer(
    {
      maxHeaderSize: HEADER_LIMIT_OCTETS,
      headersTimeout: HEADERS_MS,
      requestTimeout: TIMEOUT_MS,
      keepAliveTimeout: TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    },
    (request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      const route = routes.get(path);
      const allow = METHODS[route?.method ?? 'GET'].join(', ');
      answering.add(request.socket);
      response.once('close', () => answering.delete(request.socket));
      void answer(request, path, route, known, bodies, options.log).then((reply) =>
        send(request, response, reply, allow),
      );
    },
  );
  server.on('connection', (socket) => {
    socket.once('close', () => connections.leave(socket));
    const given = connections.take(socket, clientAt(socket));
    if (given === undefined) return;
    crowded();
    given.destroy();
  });
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
