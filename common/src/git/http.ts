/**
 * git over HTTP(S), the smart protocol (gitprotocol-http(5)): one GET, at most one POST, a connection each.
 *
 * Redirects are followed for the GET only, on the same host, and never from https to http; with credentials, not to another port
 * either. Whoever is to log in does so by name and password (RFC 7617) or token (RFC 6750). A private CA is given as PEM;
 * certificates are always checked. No cookies, no proxies, no `.netrc`.
 */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { send } from './duplex.ts';
import { Failure, systemCode, unreachable } from './fault.ts';
import { PktReader } from './pkt-line.ts';
import type { Credentials, Remote } from './remote.ts';
import { readAdvertisement, received, type Service, type Transport } from './session.ts';
import type { Watch } from './watch.ts';

type HttpRemote = Remote & { kind: 'http' };

/** How to log in: `Basic` or `Bearer`. */
export type HttpLogin = Credentials | { readonly token: string };

const MAX_REDIRECTS = 5;
const DISCOVERY = '/info/refs?service=';

function authorizationOf(login: HttpLogin | undefined): string | undefined {
  if (login === undefined) return undefined;
  if ('token' in login) return `Bearer ${login.token}`;
  return `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
}

/** The http and https transport. `ca`: PEM certificates to trust instead of the well-known ones. */
export function httpTransport(remote: HttpRemote, ca: string | undefined, login?: HttpLogin): Transport {
  const peer = new URL(remote.url).host;
  const authorization = authorizationOf(login ?? remote.credentials);

  const ask = (
    method: string,
    url: string,
    headers: Record<string, string>,
    body: readonly Uint8Array[],
    watch: Watch,
  ) =>
    request(
      method,
      new URL(url),
      authorization === undefined ? headers : { ...headers, authorization },
      body,
      ca,
      peer,
      watch,
    );

  return {
    peer,
    async open(service, watch) {
      let base = remote.url;
      let last: IncomingMessage | undefined;
      return {
        async advertisement() {
          let reply = await ask(
            'GET',
            `${base}${DISCOVERY}${service}`,
            { accept: `application/x-${service}-advertisement` },
            [],
            watch,
          );
          for (let count = 0; isRedirect(reply.statusCode); count++) {
            reply.destroy();
            if (count === MAX_REDIRECTS) throw new Failure('refused', `${peer} redirects in circles`);
            base = redirected(base, reply.headers, service, authorization !== undefined);
            reply = await ask(
              'GET',
              `${base}${DISCOVERY}${service}`,
              { accept: `application/x-${service}-advertisement` },
              [],
              watch,
            );
          }
          expectStatus(reply, peer, authorization !== undefined);
          expectType(reply, `application/x-${service}-advertisement`, peer);
          const found = await readAdvertisement(new PktReader(received(reply, peer, watch)), service);
          reply.destroy();
          // An empty repository of an old server says nothing at all.
          return found ?? { refs: new Map(), capabilities: new Set() };
        },

        async exchange(body) {
          const headers = {
            'content-type': `application/x-${service}-request`,
            accept: `application/x-${service}-result`,
            'content-length': String(body.reduce((sum, part) => sum + part.length, 0)),
          };
          const reply = await ask('POST', `${base}/${service}`, headers, body, watch);
          expectStatus(reply, peer, authorization !== undefined);
          expectType(reply, `application/x-${service}-result`, peer);
          last = reply;
          return received(reply, peer, watch);
        },

        async close() {
          last?.destroy();
        },
      };
    },
  };
}

function request(
  method: string,
  url: URL,
  headers: Record<string, string>,
  body: readonly Uint8Array[],
  ca: string | undefined,
  peer: string,
  watch: Watch,
): Promise<IncomingMessage> {
  // Some hosts answer the smart protocol only to agents that start with git/.
  const options = {
    method,
    headers: { ...headers, 'user-agent': 'git/2.0 (zonewright)' },
    agent: false,
    signal: watch.signal,
  } as const;
  const replied = new Promise<IncomingMessage>((resolve, reject) => {
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, ca === undefined ? options : { ...options, ca })
        : httpRequest(url, options);
    request.once('response', (reply) => {
      watch.progress();
      reply.on('error', () => {});
      resolve(reply);
    });
    request.on('error', (error) => reject(connectionFailure(peer, error)));
    request.once('close', () => reject(unreachable(peer, new Error('the connection was closed'))));
    // What ends the writing ends the request as well.
    send(request, body, watch).then(
      () => request.end(),
      () => request.destroy(),
    );
  });
  return watch.run(replied);
}

function connectionFailure(peer: string, error: Error): Failure {
  const code = systemCode(error) ?? '';
  if (/CERT|SELF_SIGNED|ISSUER|SIGNATURE/.test(code)) {
    return new Failure(
      'hostkey',
      `${peer} shows a certificate that is not trusted (${code})`,
      'give the authority that signed it with --tls-ca FILE',
    );
  }
  return unreachable(peer, error);
}

const isRedirect = (status: number | undefined): boolean =>
  status !== undefined && [301, 302, 303, 307, 308].includes(status);

/** The base URL after a redirect of the GET. */
function redirected(base: string, headers: IncomingHttpHeaders, service: Service, hasCredentials: boolean): string {
  const from = new URL(base);
  let to: URL;
  try {
    to = new URL(headers.location ?? '', `${base}${DISCOVERY}${service}`);
  } catch {
    throw new Failure('refused', `${from.host} redirects to nowhere`);
  }
  const tail = `${DISCOVERY}${service}`;
  const path = `${to.pathname}${to.search}`;
  if (!/^https?:$/.test(to.protocol) || !path.endsWith(tail))
    throw new Failure('refused', `${from.host} redirects to something that is no repository`);
  const isDowngrade = from.protocol === 'https:' && to.protocol === 'http:';
  const isOtherPort = from.protocol === to.protocol && from.port !== to.port;
  if (isDowngrade || from.hostname !== to.hostname || (hasCredentials && isOtherPort)) {
    throw new Failure(
      'refused',
      `${from.host} redirects to ${to.protocol}//${to.host}, which is not followed`,
      'is the repository there now? then give its URL as --remote',
    );
  }
  return `${to.origin}${path.slice(0, -tail.length)}`;
}

function expectStatus(reply: IncomingMessage, peer: string, hasCredentials: boolean): void {
  const status = reply.statusCode ?? 0;
  if (status === 200) return;
  reply.destroy();
  if (status === 401 || status === 403) {
    throw new Failure(
      'refused',
      `${peer} refuses access (${status})`,
      hasCredentials
        ? 'is the name, password or token right, and may it read and write this repository?'
        : 'give --remote-user and --remote-password, or --remote-token',
    );
  }
  if (status === 404 || status === 410) {
    throw new Failure(
      'refused',
      `${peer} has no such repository (${status})`,
      hasCredentials
        ? undefined
        : 'some servers say so too of one that needs a login: see --remote-user and --remote-token',
    );
  }
  if (status >= 500 || status === 429) throw new Failure('unreachable', `${peer} cannot answer now (${status})`);
  throw new Failure('refused', `${peer} answers ${status}`);
}

function expectType(reply: IncomingMessage, type: string, peer: string): void {
  if (reply.headers['content-type']?.split(';')[0]?.trim() === type) return;
  reply.destroy();
  throw new Failure('refused', `${peer} has no git repository there`, 'the smart HTTP protocol of git is needed');
}
