/**
 * A small ACME server (RFC 8555) for what pebble lacks: renewal information (RFC 9773), Retry-After, rate limits, profiles, other
 * chains, dns-persist-01, certificates as short as one likes, and a hand in between at any request.
 *
 * It checks no signature and no nonce; that a client gets these right, pebble tells. Validation looks TXT records up by a function of
 * the test. Its certificates are real, of an authority made at its start.
 */
import 'reflect-metadata';
import { createHash, createPublicKey, type JsonWebKey, randomBytes, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Owner } from './owner.ts';

/** What comes in: the path of its URL, and the payload of the JWS. */
export interface AcmeRequest {
  readonly path: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What goes out in place of what the server would say. */
export interface AcmeReply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AcmeServerOptions {
  /** Milliseconds since 1970 by its clock. */
  readonly now?: () => number;
  /** Milliseconds that its certificates last; 90 days unless given. */
  readonly lifetime?: number;
  readonly profiles?: readonly string[];
  readonly caaIdentities?: readonly string[];
  /** Whether dns-persist-01 is offered. */
  readonly isStandingOffered?: boolean;
  /** When it suggests to renew (ISO texts); no renewal information without. */
  readonly window?: () => { readonly start: string; readonly end: string };
  /** TXT records at a name; unless given, all challenges are met. */
  readonly lookup?: (name: string) => Promise<readonly string[]>;
}

export interface AcmeServer {
  readonly directory: string;
  /** All requests with a payload or a resource, in their order; those for nonces and the directory are left out. */
  readonly requests: readonly AcmeRequest[];
  /** The payloads of newOrder. */
  orders(): readonly Readonly<Record<string, unknown>>[];
  /** PEM of the roots. */
  readonly roots: string;
  /** Is asked first; a promise that does not resolve keeps the client waiting. */
  intercept?: ((request: AcmeRequest) => Promise<AcmeReply | undefined> | AcmeReply | undefined) | undefined;
}

interface Authorization {
  readonly id: number;
  readonly host: string;
  readonly wildcard: boolean;
  readonly token: string;
  status: 'pending' | 'valid' | 'invalid';
}

interface Order {
  readonly id: number;
  readonly identifiers: readonly { readonly type: string; readonly value: string }[];
  readonly authorizations: readonly Authorization[];
  isFinal: boolean;
  certificate: X509Certificate | undefined;
}

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY = 86_400_000;
const ISSUER = 'ca.test';

const makePair = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);

/** Starts it on a free port of loopback; it ends with its owner. */
export const startAcmeServer = async (owner: Owner, options: AcmeServerOptions = {}): Promise<AcmeServer> => {
  const { now = Date.now, lifetime = 90 * DAY } = options;
  const authority = await makeAuthority(now());
  const requests: AcmeRequest[] = [];
  const orders: Order[] = [];
  const authorizations: Authorization[] = [];
  let thumbprint = '';
  let base = '';

  const orderBody = (order: Order): unknown => {
    const isReady = order.authorizations.every(({ status }) => status === 'valid');
    const isInvalid = order.authorizations.some(({ status }) => status === 'invalid');
    const status = isInvalid ? 'invalid' : order.certificate !== undefined ? 'valid' : isReady ? 'ready' : 'pending';
    return {
      status,
      identifiers: order.identifiers,
      authorizations: order.authorizations.map(({ id }) => `${base}/authz/${id}`),
      finalize: `${base}/finalize/${order.id}`,
      ...(order.certificate !== undefined && { certificate: `${base}/cert/${order.id}` }),
    };
  };
  const authorizationBody = ({ id, host, wildcard, token, status }: Authorization): unknown => ({
    status,
    identifier: { type: 'dns', value: host },
    wildcard,
    challenges: [
      { type: 'dns-01', url: `${base}/challenge/${id}`, status, token },
      ...(options.isStandingOffered === true
        ? [
            {
              type: 'dns-persist-01',
              url: `${base}/standing/${id}`,
              status,
              accounturi: `${base}/account/1`,
              'issuer-domain-names': [ISSUER],
            },
          ]
        : []),
    ],
  });
  const validate = async (authorization: Authorization, isStanding: boolean): Promise<void> => {
    const { host, token, wildcard } = authorization;
    const digest = createHash('sha256').update(`${token}.${thumbprint}`).digest('base64url');
    const standing = `${ISSUER}; accounturi=${base}/account/1${wildcard ? '; policy=wildcard' : ''}`;
    const texts = await options.lookup?.(`${isStanding ? '_validation-persist' : '_acme-challenge'}.${host}`);
    const isMet = texts?.some((one) => (isStanding ? one.startsWith(standing) : one === digest)) ?? true;
    authorization.status = isMet ? 'valid' : 'invalid';
  };
  const handlers: Readonly<Record<string, (request: AcmeRequest, id: number) => Promise<AcmeReply> | AcmeReply>> = {
    newAccount: () => ({ status: 200, body: { status: 'valid' }, headers: { Location: `${base}/account/1` } }),
    account: () => ({ status: 200, body: { status: 'valid' } }),
    newOrder: ({ payload }) => {
      const identifiers = payload.identifiers as Order['identifiers'];
      const own = identifiers.map(({ value }, index): Authorization => {
        const id = authorizations.length + index;
        const token = randomBytes(16).toString('base64url');
        return { id, host: value.replace(/^\*\./, ''), wildcard: value.startsWith('*.'), token, status: 'pending' };
      });
      authorizations.push(...own);
      const order = { id: orders.length, identifiers, authorizations: own, isFinal: false, certificate: undefined };
      orders.push(order);
      return { status: 201, body: orderBody(order), headers: { Location: `${base}/order/${order.id}` } };
    },
    order: (_, id) => ({ status: 200, body: orderBody(orders[id]!) }),
    authz: (_, id) => ({ status: 200, body: authorizationBody(authorizations[id]!) }),
    challenge: async (_, id) => {
      await validate(authorizations[id]!, false);
      return { status: 200, body: {} };
    },
    standing: async (_, id) => {
      await validate(authorizations[id]!, true);
      return { status: 200, body: {} };
    },
    finalize: async ({ payload }, id) => {
      const order = orders[id]!;
      const csr = new Pkcs10CertificateRequest(Buffer.from(String(payload.csr), 'base64url'));
      const hosts = order.identifiers.map(({ value }) => value);
      order.certificate ??= await authority.issue(csr, hosts, now(), lifetime);
      return { status: 200, body: orderBody(order) };
    },
    cert: (_, id) => {
      const body = orders[id]!.certificate!.toString('pem') + authority.chains[0];
      return { status: 200, body, headers: { Link: `<${base}/other/${id}>;rel="alternate"` } };
    },
    other: (_, id) => ({ status: 200, body: orders[id]!.certificate!.toString('pem') + authority.chains[1] }),
    renewalInfo: () => ({
      status: 200,
      body: { suggestedWindow: options.window?.() },
      headers: { 'Retry-After': '21600' },
    }),
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url!.slice(1);
    response.setHeader('Replay-Nonce', randomBytes(8).toString('base64url'));
    if (path === 'dir') return send(response, { status: 200, body: directoryOf(base, options) });
    if (path === 'newNonce') return void response.end();
    const jws = JSON.parse((await text(request)) || '{}') as Record<string, string>;
    const [header, payload] = [jws.protected, jws.payload].map((part) => parsePart(part));
    if (header?.jwk !== undefined) thumbprint = thumbprintOf(header.jwk as JsonWebKey);
    const [kind = '', id] = path.split('/');
    const asked = { path, payload: payload! };
    requests.push(asked);
    const handler = handlers[kind];
    const unknown: AcmeReply = { status: 404, body: {} };
    send(response, (await server.intercept?.(asked)) ?? (await handler?.(asked, Number(id))) ?? unknown);
  };
  const http = createServer((request, response) => void answer(request, response));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  owner.teardown(() => {
    http.closeAllConnections();
    http.close();
  });
  base = `http://127.0.0.1:${(http.address() as { port: number }).port}`;
  const server: AcmeServer = {
    directory: `${base}/dir`,
    requests,
    orders: () => requests.filter(({ path }) => path === 'newOrder').map(({ payload }) => payload),
    roots: authority.roots,
  };
  return server;
};

const directoryOf = (base: string, { profiles, caaIdentities, window }: AcmeServerOptions): unknown => ({
  ...Object.fromEntries(['newNonce', 'newAccount', 'newOrder'].map((name) => [name, `${base}/${name}`])),
  ...(window !== undefined && { renewalInfo: `${base}/renewalInfo` }),
  meta: {
    ...(profiles !== undefined && { profiles: Object.fromEntries(profiles.map((name) => [name, `about ${name}`])) }),
    ...(caaIdentities !== undefined && { caaIdentities }),
  },
});

/** A problem document (RFC 8555 6.7). */
export const problem = (status: number, type: string, detail: string, retryAfter?: number): AcmeReply => ({
  status,
  body: { type: `urn:ietf:params:acme:error:${type}`, detail },
  ...(retryAfter !== undefined && { headers: { 'Retry-After': `${retryAfter}` } }),
});

const send = (response: ServerResponse, { status, body, headers = {} }: AcmeReply): void => {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.statusCode = status;
  if (typeof body !== 'string') response.setHeader('Content-Type', 'application/json');
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};

const parsePart = (part: string | undefined): Readonly<Record<string, unknown>> => {
  const json = Buffer.from(part ?? '', 'base64url').toString();
  return json === '' ? {} : (JSON.parse(json) as Record<string, unknown>);
};

/** RFC 7638. */
const thumbprintOf = (jwk: JsonWebKey): string => {
  const { crv, kty, x, y, e, n } = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'jwk' });
  const members = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y };
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
};

/** An issuer whose certificate two roots have signed. */
const makeAuthority = async (now: number) => {
  const validity = { notBefore: new Date(now - 1000 * DAY), notAfter: new Date(now + 1000 * DAY) };
  const make = async (subject: string, keys: webcrypto.CryptoKeyPair, issuer: string, by: webcrypto.CryptoKeyPair) =>
    X509CertificateGenerator.create({
      subject: `CN=${subject}`,
      issuer: `CN=${issuer}`,
      ...validity,
      publicKey: keys.publicKey,
      signingKey: by.privateKey,
      signingAlgorithm: EC,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
  const issuer = await makePair();
  const made = await Promise.all(
    ['First Root', 'Second Root'].map(async (name) => {
      const keys = await makePair();
      return { root: await make(name, keys, name, keys), cross: await make('Issuer', issuer, name, keys) };
    }),
  );
  return {
    roots: made.map(({ root }) => `${root.toString('pem')}\n`).join(''),
    chains: made.map(({ cross }) => `\n${cross.toString('pem')}\n`),
    issue: async (csr: Pkcs10CertificateRequest, hosts: readonly string[], at: number, lifetime: number) => {
      const names = hosts.map((value) => ({ type: 'dns' as const, value }));
      return X509CertificateGenerator.create({
        serialNumber: `40${randomBytes(15).toString('hex')}`,
        issuer: 'CN=Issuer',
        notBefore: new Date(at - 1000),
        notAfter: new Date(at - 1000 + lifetime),
        publicKey: csr.publicKey,
        signingKey: issuer.privateKey,
        signingAlgorithm: EC,
        extensions: [
          new SubjectAlternativeNameExtension(names),
          await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
        ],
      });
    },
  };
};
