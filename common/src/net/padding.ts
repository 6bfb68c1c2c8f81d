/** Padding of requests of ours that nobody may read, so that their length says little (RFC 7830, RFC 8467 4.1). */
import { PADDING_BLOCK, paddingFor } from '../authority/padding.ts';
import { BARE_EDNS, OPTION } from '../wire/edns.ts';
import { encodeMessage, type Message } from '../wire/message.ts';
import { type TsigKey, tsigSize } from '../wire/tsig.ts';
import { MAX_MESSAGE_OCTETS } from './framing.ts';

/** The message with EDNS and padding: signed with `key`, it fills blocks. */
export function padded(message: Message, key: TsigKey | undefined): Message {
  const edns = message.edns ?? BARE_EDNS;
  const others = edns.options.filter(({ code }) => code !== OPTION.PADDING);
  const bare: Message = { ...message, edns: { ...edns, options: others } };
  const signature = key === undefined ? 0 : tsigSize(key);
  const length = encodeMessage(bare, MAX_MESSAGE_OCTETS).length + signature;
  const octets = paddingFor(length, PADDING_BLOCK.request, MAX_MESSAGE_OCTETS);
  if (octets === undefined) return bare;
  const padding = { code: OPTION.PADDING, data: new Uint8Array(octets) };
  return { ...message, edns: { ...edns, options: [...others, padding] } };
}
