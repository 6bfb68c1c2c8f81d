/**
 * Where a repository is: the forms of `--remote`, parsed.
 *
 * `https://[user:password@]host[:port]/path`, `http://...`, `ssh://user@host[:port]/path`, `user@host:path`, `git://host[:port]/path`, or a
 * path of this machine (also `file:///path`); each may end in `#branch` (default `main`). Credentials are taken out of the
 * URL at once; nothing here prints them.
 */
import { fail, ok, type Result } from '../result.ts';
import type { GitFault } from './fault.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A parsed remote. `branch` is a short name without `refs/heads/`; ports are 1 to 65535. */
export type Remote =
  | { readonly kind: 'local'; readonly path: string; readonly branch: string }
  | { readonly kind: 'http'; readonly url: string; readonly branch: string; readonly credentials?: Credentials }
  | {
      readonly kind: 'ssh';
      readonly user: string;
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly branch: string;
    }
  | {
      readonly kind: 'git';
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly branch: string;
    };

const FORMS =
  'write https://host/path, ssh://user@host/path, user@host:path, git://host/path or a path, with #branch at the end if it is not main';
const SSH_PORT = 22;
const GIT_PORT = 9418;

const usage = (what: string, hint = FORMS): Result<never, GitFault> => fail({ kind: 'usage', what, hint });

/** Whether `name` may be a branch (git-check-ref-format(1)). */
export function isBranchName(name: string): boolean {
  return (
    name !== '' &&
    name !== '@' &&
    name.length <= 200 &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    !/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/$|^\/|\.$|^-/.test(name) &&
    name.split('/').every((part) => !part.startsWith('.') && !part.endsWith('.lock'))
  );
}

/** Parses the text of `--remote`. Faults are of kind `usage` and never repeat the text, which may hold a password. */
export function parseRemote(text: string): Result<Remote, GitFault> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) return usage('the remote has control characters in it');
  const [place = '', fragment, ...more] = text.split('#');
  if (more.length > 0) return usage('the remote has more than one #');
  const branch = (fragment ?? 'main').replace(/^refs\/heads\//, '');
  if (!isBranchName(branch)) return usage('the remote names no valid branch after #');
  if (place === '') return usage('the remote is empty');

  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(place)?.[1]?.toLowerCase();
  if (scheme !== undefined) return parseUrl(scheme, place, branch);
  const scp = /^([^/@:\s]+)@(\[[^\]/@]+\]|[^/:@\s[\]]+):(.+)$/.exec(place);
  if (scp !== null)
    return ok({ kind: 'ssh', user: scp[1]!, host: bare(scp[2]!), port: SSH_PORT, path: scp[3]!, branch });
  if (/^[^/]*@[^/]*:/.test(place)) return usage('the remote looks like user@host:path, yet it is not');
  if (/^[^/.]*:/.test(place))
    return usage('the remote is ambiguous', 'write user@host:path for ssh, or ./path for a path with a colon in it');
  return ok({ kind: 'local', path: place, branch });
}

function parseUrl(scheme: string, text: string, branch: string): Result<Remote, GitFault> {
  let url: URL;
  let path: string;
  let user: string;
  let password: string;
  try {
    // ssh and git are no "special" schemes to URL, which would leave the host as it is written.
    url = new URL(text);
    path = decodeURIComponent(url.pathname);
    user = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    return usage('the remote is no valid URL');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(path + user + password)) return usage('the remote has control characters in it');
  if (url.search !== '') return usage('the remote has a query (?) in it', 'a repository is named by its path alone');
  if (scheme === 'file')
    return url.host === '' ? ok({ kind: 'local', path, branch }) : usage('a file: remote names a host');
  if (url.hostname === '') return usage('the remote names no host');
  if (url.port === '0') return usage('the remote names port 0');
  const port = url.port === '' ? undefined : Number(url.port);
  const host = bare(url.hostname);
  // `ssh://host/~user/path` is the home folder of that user, as git has it.
  const remotePath = path.startsWith('/~') ? path.slice(1) : path;

  switch (scheme) {
    case 'http':
    case 'https': {
      const plain = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
      if (user === '' && password === '') return ok({ kind: 'http', url: plain, branch });
      return ok({ kind: 'http', url: plain, branch, credentials: { user, password } });
    }
    case 'ssh':
      if (password !== '') return usage('an ssh remote has a password in it', 'give it with --ssh-password');
      if (path === '' || path === '/') return usage('the remote names no path');
      return ok({
        kind: 'ssh',
        user: user === '' ? 'git' : user,
        host,
        port: port ?? SSH_PORT,
        path: remotePath,
        branch,
      });
    case 'git':
      if (user !== '' || password !== '')
        return usage('a git:// remote has no user', 'use ssh:// or https:// to log in');
      if (path === '' || path === '/') return usage('the remote names no path');
      return ok({ kind: 'git', host, port: port ?? GIT_PORT, path: remotePath, branch });
    default:
      return usage('the remote has an unknown scheme');
  }
}

const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** A remote as text for people: always with its branch, never with credentials. */
export function describeRemote(remote: Remote): string {
  switch (remote.kind) {
    case 'local':
      return `${remote.path}#${remote.branch}`;
    case 'http':
      return `${remote.url}#${remote.branch}`;
    case 'ssh':
      return `ssh://${remote.user}@${bracketed(remote.host)}:${remote.port}${rooted(remote.path)}#${remote.branch}`;
    case 'git':
      return `git://${bracketed(remote.host)}:${remote.port}${rooted(remote.path)}#${remote.branch}`;
  }
}

const rooted = (path: string): string => (path.startsWith('/') ? path : `/~/${path}`);
