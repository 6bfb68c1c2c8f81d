/**
 * Text that strangers wrote - names of authors and files, subjects of commits - on its way to a terminal or into JSON.
 *
 * Always holds: no control character, and none that changes the direction or the look of what stands around it, comes out as such.
 */

/** Controls, formats (also those that turn the direction of writing), line separators, what is not assigned, halves of pairs. */
const ODD = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;

/** The longest text that is shown, in characters. */
const LONGEST = 200;

const escaped = (text: string): string => {
  let out = '';
  for (let i = 0; i < text.length; i++) out += `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return out;
};

/** One line, with `\u001b` for what is not to be shown. `longest`: characters that are shown. */
export function printable(text: string, longest: number = LONGEST): string {
  const short = text.length > longest ? `${text.slice(0, longest)}...` : text;
  return short.replaceAll(ODD, escaped);
}

/** JSON in one line; what is not to be shown stands in it as JSON has it, so that nothing is lost. */
export function printJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(ODD, escaped);
}
