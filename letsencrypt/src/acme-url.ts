/**
 * The URLs that a CA names (RFC 8555 6.1): https. Plain http only where the directory itself is on loopback over http, as in tests,
 * and then on loopback too.
 */

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export function isLoopback({ hostname }: URL): boolean {
  return LOOPBACK.test(hostname);
}

/** Whether a CA may be asked at this URL, given that of its directory. */
export function isFitUrl(text: string, directory: URL): boolean {
  const url = readUrl(text);
  if (url?.protocol === 'https:') return true;
  return url?.protocol === 'http:' && isLoopback(url) && directory.protocol === 'http:';
}

/** Whether an account of this CA can have this URL: one of another origin would be the account of another CA, which records name. */
export function isAccountUrl(text: string, directory: URL): boolean {
  return readUrl(text)?.origin === directory.origin;
}

function readUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
