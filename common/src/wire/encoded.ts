/** Messages that many are sent: encoded once, and sent each time with another ID. */
import { encodeMessage, type Message } from './message.ts';

const encoded = new WeakMap<Message, Uint8Array>();

/** Gives the message itself; from now on {@link encodeWithId} has its octets. */
export function encodedOnce(message: Message): Message {
  encoded.set(message, encodeMessage(message));
  return message;
}

/** As `encodeMessage` does, with another ID; the octets are the caller's. */
export function encodeWithId(message: Message, id: number, limit = 65535): Uint8Array {
  const known = encoded.get(message);
  if (known === undefined || known.length > limit) return encodeMessage({ ...message, id }, limit);
  const octets = known.slice();
  octets[0] = id >> 8;
  octets[1] = id & 0xff;
  return octets;
}
