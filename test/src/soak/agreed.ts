/** Before the load, and after it: all that can change is in its last version, at both servers. */
import { decodeMessage } from '@zonewright/common/wire/message';
import { Asker } from '../support/asking.ts';
import { given } from '../support/records.ts';
import { until } from '../support/until.ts';
import type { Scenery } from './peers.ts';
import { queryOf } from './sample.ts';
import { textOf } from './text.ts';

const TIMEOUT = 120_000;

/** Throws where a server does not come to it in time. */
export async function agreed({ world, versions, primary, secondary }: Scenery): Promise<void> {
  const all = world.zones.flatMap((zone) => world.changing(zone));
  for (const server of [primary, secondary]) {
    const asker = await Asker.to(server);
    const isRight = async (at: number): Promise<boolean> => {
      const question = all[at]!;
      const octets = await asker.ask(queryOf(question, 'plain'), 'udp');
      return (
        octets !== undefined &&
        textOf(given(decodeMessage(octets))) === question.expected(versions.latest(question.cell))
      );
    };
    try {
      await until(async () => (await Promise.all(all.map((_, at) => isRight(at)))).filter((is) => !is).length, {
        what: `no name of ${server.address} is in another version than its last`,
        holds: (others) => others === 0,
        timeout: TIMEOUT,
      });
    } finally {
      asker.close();
    }
  }
}
