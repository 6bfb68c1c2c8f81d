/**
 * A primary that sends what a test tells it to, signed as it should be or not: SOAs over UDP, transfers over TCP. It looks at nothing
 * but the question.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Name } from '@zonewright/common/name';
import type { Peer } from '@zonewright/common/net/address';
import { Framer, frame } from '@zonewright/common/net/framing';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { decodeMessage, encodeMessage, type Message, responseTo } from '@zonewright/common/wire/message';
import { sign, type TsigKey } from '@zonewright/common/wire/tsig';
import { StreamSigner } from '@zonewright/common/wire/tsig-stream';
import type { Owner } from './owner.ts';
import { given } from './records.ts';

/** One request that is being answered over TCP. */
export interface Answering {
  readonly request: Message;
  /** Sends a message with these answers, signed unless told otherwise. Gives `false` once nobody reads any more. */
  send(answers: readonly ResourceRecord[], change?: Partial<Message>, isSigned?: boolean): Promise<boolean>;
  /** Sends octets behind their length. */
  sendOctets(octets: Uint8Array): Promise<boolean>;
  close(): void;
}

export interface Script {
  /** Answers SOA queries. */
  soa(origin: Name): ResourceRecord;
  /** What is different in these answers. */
  head?: Partial<Message>;
  transfer(answering: Answering): unknown;
}

const now = (): number => Math.floor(Date.now() / 1000);

/** Serves on a port of 127.0.0.1 by a script, which may be changed as long as it runs. */
export const startScriptedPrimary = async (owner: Owner, key: TsigKey, port: number, script: Script): Promise<Peer> => {
  const at = { address: '127.0.0.1', port };
  const udp = createSocket('udp4');
  owner.teardown(() => udp.close());
  udp.on('message', (octets, { address, port: to }) => {
    const request = given(decodeMessage(octets));
    const reply = encodeMessage({
      ...responseTo(request, 0),
      aa: true,
      answers: [script.soa(request.questions[0]!.name)],
      ...script.head,
    });
    udp.send(sign(reply, key, { now: now(), priorMac: request.tsig!.mac }).octets, to, address);
  });
  udp.bind(at.port, at.address);
  await once(udp, 'listening');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const framer = new Framer();
    socket.on('data', (octets) => {
      framer.push(octets);
      for (let message = framer.next(); message !== undefined; message = framer.next())
        void script.transfer(answeringOn(socket, given(decodeMessage(message)), key));
    });
  });
  owner.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(at.port, at.address);
  await once(server, 'listening');
  return at;
};

/** Resolves when there is room again, or nobody reads any more. */
const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      socket.off('drain', end).off('close', end);
      resolve();
    };
    socket.on('drain', end).on('close', end);
  });

const answeringOn = (socket: Socket, request: Message, key: TsigKey): Answering => {
  const signer = new StreamSigner(key, request.tsig!.mac);
  const sendOctets = async (octets: Uint8Array): Promise<boolean> => {
    if (socket.destroyed) return false;
    if (!socket.write(frame(octets))) await drained(socket);
    return !socket.destroyed;
  };
  return {
    request,
    sendOctets,
    send: (answers, change = {}, isSigned = true) => {
      const octets = encodeMessage({ ...responseTo(request, 0), aa: true, answers, ...change });
      return sendOctets(isSigned ? signer.sign(octets, now()) : octets);
    },
    close: () => socket.destroy(),
  };
};
