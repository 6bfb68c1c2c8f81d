/**
 * A thread that answers UDP, from its start to its end. It is started by `udp-workers.ts` and does nothing but wait for datagrams and
 * for messages: in the kernel, where sockets are its own (`linux`), or in the event loop (`portable`).
 *
 * Always holds: the thread ends soon after it was told to, and only then; a fault that is nobody's input ends it with an error,
 * and control starts another.
 */
import type { MessagePort } from 'node:worker_threads';
import { LinuxDatagrams } from '../net/linux-udp.ts';
import { PortableDatagrams } from '../net/portable-udp.ts';
import { seedHashes } from '../zone/lookup-name.ts';
import { threadData } from './thread.ts';
import { UdpAnswering } from './udp-answering.ts';
import { UdpBoard } from './udp-board.ts';
import type { FromThread, ToThread, UdpStart } from './udp-message.ts';

/** How long one wait in the kernel is at most, milliseconds: messages that are not urgent are looked at as often. */
const WAIT = 500;

/** Waits in the kernel. The event loop gets no turn until the end. */
function runLinux(start: UdpStart, board: UdpBoard, port: MessagePort): void {
  let datagrams: LinuxDatagrams | undefined;
  const answering = new UdpAnswering(start, board, port, (message) => {
    if (message.kind === 'serve') datagrams = new LinuxDatagrams(message.sockets, answering);
  });
  say(port, { kind: 'ready' });
  while (!board.isStopped) {
    if (datagrams === undefined) board.awaitPosted(answering.seen, WAIT);
    else datagrams.turn(WAIT);
    answering.prepare();
    answering.report();
  }
  port.close();
}

/** How often what was counted is shown, milliseconds. */
const REPORT = 100;

/** Waits in the event loop. */
function runPortable(start: UdpStart, board: UdpBoard, port: MessagePort): void {
  const answering = new UdpAnswering(start, board, port, (message) => takeOther(message));
  let datagrams = new PortableDatagrams(answering);
  const reports = setInterval(() => answering.report(), REPORT);
  /** Sockets are opened and closed one after the other. */
  let sockets: Promise<void> = Promise.resolve();
  const takeOther = (message: ToThread): void => {
    if (message.kind === 'reply') datagrams.send(message.route, message.octets);
    else sockets = sockets.then(() => takeSocket(message));
  };
  const takeSocket = async (message: ToThread): Promise<void> => {
    if (message.kind === 'bind') {
      const bound = await datagrams.bind(message);
      say(port, bound.ok ? { kind: 'bound' } : { kind: 'bound', fault: bound.fault });
      return;
    }
    if (message.kind !== 'unbind' && message.kind !== 'close') return;
    await datagrams.close();
    datagrams = new PortableDatagrams(answering);
    if (message.kind === 'unbind') return;
    clearInterval(reports);
    answering.report();
    port.close();
  };
  port.on('message', (message: ToThread) => answering.take(message));
  say(port, { kind: 'ready' });
}

function say(port: MessagePort, message: FromThread): void {
  port.postMessage(message);
}

const { start, port } = await threadData<{ readonly start: UdpStart; readonly port: MessagePort }>();
seedHashes(start.hashSeed);
(start.way === 'linux' ? runLinux : runPortable)(start, new UdpBoard(start.board), port);
