/**
 * The status text: what the ACME secondary has to say to the one who requests, in a TXT record (RFC 1035 3.3.14) beside the request,
 * at `_letsencrypt._tcp.HOST`:
 *
 *     status=refused reason="CAA of example.com allows other CAs" next=2026-11-22T03:42:00Z failures=3 request=0a1b2c3d4e5f6071
 *
 * Fields stand in this order, and only `status` has to be there. What is to be read by people is in `reason`; the last two let the
 * service take up a wait again that it has no other memory of.
 *
 * Always holds: a text is printable ASCII and fits one character-string (255 octets); what is read is what was written, and any
 * other text is none of ours.
 */
import { txtRdata } from '@zonewright/common/rr/txt';

/**
 * What is done about a request: `ordered`, an order is under way; `issued`, the certificate is there; `waiting`, it is tried again at
 * `next`; `refused`, it will not be met as it stands; `unclear`, there are several, and it is not known which one counts.
 */
export const STATUS_STATES = ['ordered', 'issued', 'waiting', 'refused', 'unclear'] as const;

/** One of {@link STATUS_STATES}. */
export type StatusState = (typeof STATUS_STATES)[number];

/** What a status text says. */
export interface StatusText {
  readonly state: StatusState;
  /** For people: one line. Written with what is not printable ASCII, and both `"` and `\`, replaced, and cut where it is too long. */
  readonly reason?: string;
  /** When it is tried again: milliseconds since 1970, written in whole seconds, rounded up. */
  readonly next?: number;
  /** How often it has failed since the last success, 1 to {@link STATUS_FAILURES}. */
  readonly failures?: number;
  /** Which request this is about: the first {@link STATUS_REQUEST_DIGITS} hexadecimal digits of its id. */
  readonly request?: string;
}

/** Octets of a reason that are written; all other fields together leave as much of a character-string. */
export const STATUS_REASON_OCTETS = 150;
/** No greater number of failures is written. */
export const STATUS_FAILURES = 9999;
export const STATUS_REQUEST_DIGITS = 16;

const CUT = '...';
const LATEST = Date.UTC(9999, 11, 31);
/** RFC 1035 3.3.14: the longest character-string. */
const TEXT_OCTETS = 255;

const TEXT = new RegExp(
  `^status=(${STATUS_STATES.join('|')})` +
    `(?: reason="([ !#-[\\]-~]{1,${STATUS_REASON_OCTETS}})")?` +
    '(?: next=(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ))?' +
    '(?: failures=([1-9]\\d{0,3}))?' +
    `(?: request=([0-9a-f]{${STATUS_REQUEST_DIGITS}}))?$`,
);

/** The text of a status. */
export function formatStatus({ state, reason, next, failures, request }: StatusText): string {
  const words = [`status=${state}`];
  const line = reason === undefined ? '' : plain(reason);
  if (line !== '') words.push(`reason="${line}"`);
  if (next !== undefined && next >= 0 && next <= LATEST) words.push(`next=${secondsOf(next)}`);
  if (failures !== undefined && failures >= 1) words.push(`failures=${Math.min(failures, STATUS_FAILURES)}`);
  if (request !== undefined) words.push(`request=${request.slice(0, STATUS_REQUEST_DIGITS)}`);
  return words.join(' ');
}

/** What a text says; `undefined` for one that {@link formatStatus} does not write. */
export function parseStatus(text: string): StatusText | undefined {
  if (text.length > TEXT_OCTETS) return undefined;
  const [, state, reason, next, failures, request] = TEXT.exec(text) ?? [];
  if (state === undefined) return undefined;
  const at = next === undefined ? undefined : Date.parse(next);
  if (Number.isNaN(at)) return undefined;
  return {
    state: state as StatusState,
    ...(reason !== undefined && { reason }),
    ...(at !== undefined && { next: at }),
    ...(failures !== undefined && { failures: Number(failures) }),
    ...(request !== undefined && { request }),
  };
}

/** RDATA of a TXT record with that status: one string. */
export function statusRdata(status: StatusText): Uint8Array {
  return txtRdata(formatStatus(status));
}

/** The status that RDATA of a TXT record says; `undefined` for a record of somebody else. */
export function statusOf(rdata: Uint8Array): StatusText | undefined {
  if (rdata[0] !== rdata.length - 1) return undefined;
  return parseStatus(Buffer.from(rdata.subarray(1)).toString('latin1'));
}

/** One line of printable ASCII that needs no escape in quotes. */
function plain(reason: string): string {
  const line = reason
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/"/g, "'")
    .replace(/\\/g, '/')
    .replace(/[^ -~]/g, '?');
  return line.length <= STATUS_REASON_OCTETS ? line : `${line.slice(0, STATUS_REASON_OCTETS - CUT.length)}${CUT}`;
}

function secondsOf(time: number): string {
  return new Date(Math.ceil(time / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
