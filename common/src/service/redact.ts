/**
 * The safety net under the rule "no secret in any log line, error or fault text". Code must not hand secrets to the log in
 * the first place; what does get here is replaced, for four reasons: the field's name, a value this process was started with
 * ({@link rememberSecret}), a shape that only secrets have, or octets (a payload has no place in a log).
 *
 * Always holds: the result is plain JSON data, bounded in depth and length, without a secret that one of the reasons finds.
 */

/** What stands in the place of a secret. */
export const REDACTED = '[redacted]';

const SECRET_NAME = /secret|passw|passphrase|token|credential|authorization|cookie/;
// `key` alone is the name of a key (an interface field) and stays; so does a count, as in `sshKeys: 3`.
const KEY_NAME = /seed$|(?:private|ssh|account|hmac|api|dns|tsig|session)keys?$/;

const DEPTH_LIMIT = 6;
const LIST_LIMIT = 200;
const TEXT_LIMIT = 8192;

/** Without the text that is named first there is none of the shape: most texts are not searched at all. */
const SHAPES: readonly (readonly [mark: string, shape: RegExp, replacement: string])[] = [
  // NAME:ALG:SECRET, ALG also a DNSKEY number; a fingerprint (`SHA256:...`) has no name before it and stays. The look-behind
  // keeps the search linear.
  [
    ':',
    /(?<![^\s:"'])([^\s:"']{1,1100}:(?:hmac-)?(?:md5|sha-?\d{1,3}|1[56]\d)):[A-Za-z0-9+/_-]{8,}={0,2}/gi,
    `$1:${REDACTED}`,
  ],
  // The private key argument `TYPE:DATA`.
  [':', /\b(ed25519|rsa|ecdsa|p256|p384|p521):[A-Za-z0-9+/_-]{16,}={0,2}/gi, `$1:${REDACTED}`],
  [
    '-----BEGIN ',
    /-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
    REDACTED,
  ],
  // User information of a URL is a token with http; with ssh and others only what follows the colon is.
  ['://', /\b(https?:\/\/)[^/?#\s@]+@/gi, `$1${REDACTED}@`],
  ['://', /(:\/\/[^/?#\s@:]*):[^/?#\s@]+@/g, `$1:${REDACTED}@`],
];

const remembered = new Set<string>();

/**
 * Makes a secret known to this process, so that {@link redactText} takes it out of any text. Of `NAME:ALG:SECRET` and
 * `TYPE:DATA` the last part is known too. Texts shorter than 6 are not remembered: they would blot out ordinary words.
 */
export function rememberSecret(text: string): void {
  const last = text.slice(text.lastIndexOf(':') + 1);
  for (const form of [text, last, encodeURIComponent(text), encodeURIComponent(last)]) {
    if (form.length >= 6) remembered.add(form);
  }
}

/** `text` without secrets, and cut to 8192 characters. */
export function redactText(text: string): string {
  let result = text;
  for (const secret of remembered) {
    if (result.includes(secret)) result = result.replaceAll(secret, REDACTED);
  }
  // Cut before the shapes are looked for, which bounds their work, and after the replacements, so that no secret is cut in two.
  if (result.length > TEXT_LIMIT) result = `${result.slice(0, TEXT_LIMIT)}...`;
  for (const [mark, shape, replacement] of SHAPES)
    if (result.includes(mark)) result = result.replace(shape, replacement);
  return result;
}

function isSecretField(name: string, value: unknown): boolean {
  if (value === undefined || value === null || typeof value === 'boolean') return false;
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return SECRET_NAME.test(plain) || (typeof value !== 'number' && KEY_NAME.test(plain));
}

function redactError(error: Error, depth: number, most: number): Record<string, unknown> {
  const { code } = error as { readonly code?: unknown };
  return {
    name: error.name,
    message: redactText(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1, most) }),
  };
}

/**
 * Any value as JSON data without secrets. Octets become their length, an `Error` its name, message, code and stack.
 *
 * @param most items of a list that are kept; those of a log line unless given
 */
export function redact(value: unknown, depth = 0, most: number = LIST_LIMIT): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} octets]`;
  if (depth >= DEPTH_LIMIT) return '[...]';
  if (value instanceof Error) return redactError(value, depth, most);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (value instanceof Map) return redactFields(Object.fromEntries(value), depth + 1, most);
  if (value instanceof Set || Array.isArray(value)) {
    const items = [...value];
    const kept = items.slice(0, most).map((item) => redact(item, depth + 1, most));
    return items.length > most ? [...kept, `[${items.length - most} more]`] : kept;
  }
  return redactFields(value as Record<string, unknown>, depth + 1, most);
}

/** The fields of a log line or a JSON object, each by name and by value. */
export function redactFields(
  fields: Readonly<Record<string, unknown>>,
  depth = 0,
  most: number = LIST_LIMIT,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined)
      result[redactText(name)] = isSecretField(name, value) ? REDACTED : redact(value, depth, most);
  }
  return result;
}
