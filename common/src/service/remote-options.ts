/**
 * The options by which a repository is named and reached, as rows for a command's table, and what they come to together.
 *
 * Always holds: what cannot work together is a fault of kind `usage`, found before anything is asked of the network; no fault
 * repeats a secret.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseHostKeyPin } from '../git/host-key.ts';
import type { HttpLogin } from '../git/http.ts';
import { parseRemote, type Remote } from '../git/remote.ts';
import { readSshKey, unlockSshKey } from '../git/ssh-key.ts';
import type { StoreOptions } from '../git/store.ts';
import { type Fault, fail, ok, type Result } from '../result.ts';
import type { OptionRow, Values } from './options.ts';

export const REMOTE = {
  flag: '--remote <URL[#BRANCH]>',
  description:
    'where the zones are: https://, http://, ssh://, user@host:path, git://, or the path of a bare repository',
  required: true,
  parse: parseRemote,
} as const satisfies OptionRow;

/** How to get in. */
export const LOGIN_OPTIONS = [
  {
    flag: '--ssh-key <TYPE:DATA>',
    description: 'private key for ssh remotes, or @FILE',
    secret: true,
    parse: readSshKey,
  },
  { flag: '--ssh-passphrase <PASSPHRASE>', description: 'of that key, or @FILE', secret: true },
  { flag: '--ssh-password <PASSWORD>', description: 'password for ssh remotes, or @FILE', secret: true },
  {
    flag: '--authenticator <SHA256:...>',
    aliases: ['--ssh-authenticator'],
    description: 'host key that an ssh remote must show, repeatable: ssh-keyscan HOST | ssh-keygen -lf -',
    repeatable: true,
    // A whole public key has blanks in it.
    separator: /[,\n]+/,
    parse: parseHostKeyPin,
  },
  { flag: '--remote-user <NAME>', description: 'name for https remotes, beside --remote-password' },
  {
    flag: '--remote-password <PASSWORD>',
    description: 'password or access token for https remotes, or @FILE',
    secret: true,
  },
  { flag: '--remote-token <TOKEN>', description: 'bearer token for https remotes, or @FILE', secret: true },
  {
    flag: '--tls-ca <FILE>',
    description: 'PEM certificates that an https remote must lead to, instead of the well-known ones',
  },
] as const satisfies readonly OptionRow[];

/** Where a repository is, and how to get in. */
export const REMOTE_OPTIONS = [REMOTE, ...LOGIN_OPTIONS] as const satisfies readonly OptionRow[];

export type LoginValues = Values<readonly [], typeof LOGIN_OPTIONS>;
export type RemoteValues = Values<readonly [], typeof REMOTE_OPTIONS>;

const usage = (what: string, hint?: string): Result<never, Fault> =>
  fail({ kind: 'usage', what, ...(hint === undefined ? {} : { hint }) });

/** What a store is opened with. `data`: the folder of `--data`. */
export async function storeOptionsOf(values: RemoteValues, data?: string): Promise<Result<StoreOptions, Fault>> {
  const { sshKey, sshPassphrase, sshPassword, authenticator } = values;
  const key = sshKey === undefined ? ok(undefined) : unlockSshKey(sshKey, sshPassphrase);
  if (!key.ok) return key;
  const login = httpLoginOf(values.remote, values);
  if (!login.ok) return login;
  const authorities = await readAuthorities(values.tlsCa);
  if (!authorities.ok) return authorities;
  return ok({
    authenticator,
    ...(key.value === undefined ? {} : { sshKey: key.value }),
    ...(sshPassword === undefined ? {} : { sshPassword }),
    ...(login.value === undefined ? {} : { httpLogin: login.value }),
    ...(authorities.value === undefined ? {} : { tlsCa: authorities.value }),
    ...(data === undefined ? {} : { directory: join(data, 'git') }),
  });
}

function httpLoginOf(
  remote: Remote,
  { remoteUser: user, remotePassword: password, remoteToken: token }: LoginValues,
): Result<HttpLogin | undefined, Fault> {
  if (user === undefined && password === undefined && token === undefined) return ok(undefined);
  if (remote.kind !== 'http')
    return usage('--remote-user, --remote-password and --remote-token are for https remotes', 'see --ssh-key');
  const isInUrl = remote.credentials !== undefined;
  if ((token !== undefined && (user !== undefined || password !== undefined)) || isInUrl)
    return usage('there is more than one way to log in to the remote', 'in the URL, by name and password, or by token');
  if (token !== undefined) {
    if (/^[\x21-\x7e]+$/.test(token)) return ok({ token });
    return usage('the token of --remote-token has blanks or odd characters in it');
  }
  if (user === undefined || password === undefined)
    return usage(
      '--remote-user and --remote-password belong together',
      'for an access token the name is x-access-token with GitHub, oauth2 with GitLab, your own with Gitea and Forgejo',
    );
  return ok({ user, password });
}

async function readAuthorities(path: string | undefined): Promise<Result<string | undefined, Fault>> {
  if (path === undefined) return ok(undefined);
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch {
    return usage(`cannot read the file ${path} of --tls-ca`);
  }
  try {
    new X509Certificate(pem);
    return ok(pem);
  } catch {
    return usage(`the file ${path} of --tls-ca holds no certificate in PEM`);
  }
}
