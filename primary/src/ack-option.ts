/** `--ack`: what NOERROR to an UPDATE means. */
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';

/** `wanted`: how many secondaries; all that are known unless given. */
export type Ack =
  | { readonly kind: 'journal' | 'push' }
  | { readonly kind: 'secondaries'; readonly wanted: number | undefined };

/** Secondaries that may be waited for. */
const MAX_WANTED = 1000;

export function parseAck(text: string): Result<Ack, Fault> {
  const [word = '', number, ...rest] = text.toLowerCase().split('=');
  if ((word === 'journal' || word === 'push') && number === undefined) return ok({ kind: word });
  const wanted = number === undefined ? undefined : /^\d{1,4}$/.test(number) ? Number(number) : 0;
  const isGood = wanted === undefined || (wanted >= 1 && wanted <= MAX_WANTED);
  if (word === 'secondaries' && isGood && rest.length === 0) return ok({ kind: 'secondaries', wanted });
  const hint = `journal, secondaries, secondaries=N with N from 1 to ${MAX_WANTED}, push`;
  return fail({ kind: 'usage', what: `"${text}" is not among the choices`, hint });
}

export function printAck(ack: Ack): string {
  return ack.kind === 'secondaries' && ack.wanted !== undefined ? `secondaries=${ack.wanted}` : ack.kind;
}
