/** The threads of name servers and of secondaries of any kind. Those that one service alone has stand in its own folder. */
import type { ThreadKind } from './thread.ts';

/** Answers UDP (`udp-member.ts`). Of what is young there is next to nothing: answering does not allocate. */
export const UDP_THREAD: ThreadKind = { module: new URL('./udp-thread.js', import.meta.url), name: 'udp', young: 2 };

/** Transfers zones in (`transfers.ts`). */
export const TRANSFER_THREAD: ThreadKind = {
  module: new URL('./transfer-thread.js', import.meta.url),
  name: 'transfers',
};
