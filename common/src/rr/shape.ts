/**
 * Where the names of RDATA lie, as numbers, for code that writes answers straight from octets: after `fixed` octets and `strings`
 * character-strings come `names` names, one behind the other, and then octets up to the end.
 *
 * Left out: types whose names ask for nothing when they are written (neither compressed, nor with addresses in the additional
 * section, nor ever compressed by others), as RRSIG, NSEC, HIP, LP. They are octets here.
 * Always holds: all from the rows of `type.ts`; a look-up allocates nothing.
 */
import type { Field } from './field.ts';
import { string } from './fields/text.ts';
import { TYPE, typeRow } from './type.ts';

export interface Shape {
  /** Octets before the strings. */
  readonly fixed: number;
  /** Character-strings between the fixed octets and the first name. */
  readonly strings: number;
  /** At least one. */
  readonly names: number;
  /** The names are written with compression (RFC 3597 4). */
  readonly isCompressed: boolean;
  /** The addresses of the names go into the additional section. */
  readonly wantsAddress: boolean;
}

/** The shape of a type's RDATA; `undefined` where it is to be copied as it is. */
export function shapeOf(type: number): Shape | undefined {
  return type < shapes.length ? shapes[type] : undefined;
}

function shapeFrom(layout: readonly Field[]): Shape | undefined {
  const first = layout.findIndex((field) => field.nameTraits !== undefined);
  const traits = layout[first]?.nameTraits;
  if (traits === undefined || !(traits.isCompressed || traits.isDecompressed || traits.wantsAddress)) return undefined;
  const before = layout.slice(0, first);
  const numbers = before.filter((field) => field.octets !== undefined);
  const texts = before.filter((field) => field === string);
  if (numbers.length + texts.length < before.length) return undefined;
  const names = layout.slice(first).findIndex((field) => field.nameTraits === undefined);
  return {
    fixed: numbers.reduce((sum, field) => sum + field.octets!, 0),
    strings: texts.length,
    names: names < 0 ? layout.length - first : names,
    isCompressed: traits.isCompressed === true,
    wantsAddress: traits.wantsAddress === true,
  };
}

const codes = Object.values(TYPE).filter((code) => shapeFrom(typeRow(code)?.layout ?? []) !== undefined);
/** By code, without holes up to the last type that has one. */
const shapes: readonly (Shape | undefined)[] = Array.from({ length: Math.max(...codes) + 1 }, (_, code) =>
  shapeFrom(typeRow(code)?.layout ?? []),
);
