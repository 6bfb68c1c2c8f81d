/**
 * A remote as it is at times: out of reach, cut off amid an answer, declining, with its branch locked; fair in between.
 *
 * A bare repository that is used directly has nothing to cut: there the branch is locked, as by a git that is slow.
 */
import { closeSync, existsSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../support/mutation.ts';
import type { Owner } from '../support/owner.ts';
import type { Repository } from '../support/repository.ts';

const MOODS = ['fair', 'refused', 'cut', 'late', 'declined', 'locked'] as const;
export type Mood = (typeof MOODS)[number];

/** Milliseconds that each lasts at most, and how likely it is. */
const WEATHER: Readonly<Record<Mood, { readonly most: number; readonly weight: number }>> = {
  fair: { most: 2000, weight: 6 },
  refused: { most: 900, weight: 1 },
  cut: { most: 900, weight: 3 },
  late: { most: 900, weight: 1 },
  declined: { most: 600, weight: 1 },
  locked: { most: 500, weight: 1 },
};
/** Octets of an answer that come through before a connection is cut, at most: about what a push is answered with, and what precedes it. */
const CUT = 700;
/** Milliseconds by which an answer is late, at most. */
const LATE = 400;

/** A way to a server on this machine that can be cut. */
export class Passage {
  mood: Mood = 'fair';
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async to(owner: Owner, port: number, chance: Chance): Promise<Passage> {
    const server = createServer((socket) => passage.#pass(socket, port, chance));
    await new Promise<void>((listening) => {
      server.listen(0, '127.0.0.1', listening);
    });
    const address = server.address();
    const passage: Passage = new Passage(server, typeof address === 'object' ? address!.port : 0);
    owner.teardown(() => passage.#close());
    return passage;
  }

  #pass(near: Socket, port: number, chance: Chance): void {
    const { mood } = this;
    if (mood === 'refused') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    near.pipe(far);
    if (mood !== 'cut') {
      if (mood === 'late') void pause(chance(LATE)).then(() => far.pipe(near));
      else far.pipe(near);
      return;
    }
    let left = chance(CUT);
    far.on('data', (chunk: Buffer) => {
      near.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) end();
    });
    far.on('end', () => near.end());
  }

  async #close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }
}

/** Has the hooks of a repository decline pushes while the file `declining` is there. */
export function letDecline({ path }: Repository): void {
  writeFileSync(
    join(path, 'hooks', 'pre-receive'),
    '#!/bin/sh\n[ ! -e declining ] || { echo "not now" >&2; exit 1; }\n',
    { mode: 0o755 },
  );
}

/** Changes the weather until it is over; then it is fair. `passage`: where there is one. */
export async function makeWeather(
  { path }: Repository,
  passage: Passage | undefined,
  chance: Chance,
  isOver: () => boolean,
): Promise<void> {
  const moods = MOODS.filter(
    (mood) => passage !== undefined || mood === 'fair' || mood === 'declined' || mood === 'locked',
  );
  const all = moods.flatMap((mood) => Array<Mood>(WEATHER[mood].weight).fill(mood));
  const declining = join(path, 'declining');
  while (!isOver()) {
    const mood = all[chance(all.length)]!;
    if (passage !== undefined) passage.mood = mood;
    const unlock = mood === 'locked' ? lock(path) : undefined;
    if (mood === 'declined') writeFileSync(declining, '');
    const end = performance.now() + chance(WEATHER[mood].most);
    while (!isOver() && performance.now() < end) await pause(20);
    unlock?.();
    rmSync(declining, { force: true });
  }
  if (passage !== undefined) passage.mood = 'fair';
}

/** Locks the branch as git does; gives what unlocks it. */
function lock(path: string): (() => void) | undefined {
  const file = join(path, 'refs', 'heads', 'main.lock');
  if (existsSync(file)) return undefined;
  try {
    closeSync(openSync(file, 'wx'));
    return () => rmSync(file);
  } catch {
    return undefined;
  }
}
