/** Waiting until nothing is open: what is served is what the files of the head say, serial by serial. */
import { notifyMessage } from '@zonewright/common/authority/notify';
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import { exchange } from '@zonewright/common/net/exchange';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { textOfRecord } from '../soak/text.ts';
import { until } from '../support/until.ts';
import type { Stage } from './stage.ts';
import type { Seen } from './taking.ts';
import type { Watch } from './watch.ts';
import type { CrashZone } from './world.ts';

const TIMEOUT = 60_000;

/** Throws where it does not come to that. */
export async function settled(stage: Stage, watches: readonly Watch[]): Promise<void> {
  for (const watch of watches) {
    const { fileName } = watch.zone;
    const differs = async (): Promise<string | undefined> => {
      // Somebody's push may have been told to a server that was about to end.
      await tell(stage, watch.zone);
      const file = await fileOf(stage, watch.zone);
      const served = await watch.transfer();
      if (file === undefined || served === undefined) return `${file === undefined ? 'no good file' : 'not served'}`;
      if (file.serial !== served.serial) return `served is serial ${served.serial}, the file has ${file.serial}`;
      const lines = [
        linesBeside(served.text, file.text, 'served'),
        linesBeside(file.text, served.text, 'in the file'),
      ].flat();
      return lines.length === 0 ? undefined : lines.join('\n');
    };
    await until(differs, {
      what: `what is served of ${fileName} is what its file says`,
      holds: (difference) => difference === undefined,
      timeout: TIMEOUT,
    });
  }
}

/** Has the server pull; waits for its answer. */
export async function tell({ server, key }: Stage, { name }: CrashZone): Promise<void> {
  await exchange({ server, message: notifyMessage(name), key, transport: 'udp', timeout: 500, tries: 1 });
}

const linesBeside = (text: string, other: string, where: string): readonly string[] => {
  const known = new Set(other.split('\n'));
  return text.split('\n').flatMap((line) => (known.has(line) ? [] : [`only ${where}: ${line}`]));
};

/** A zone as its file at the head says; `undefined` when it is broken. */
async function fileOf({ repository }: Stage, { fileName, name }: CrashZone): Promise<Seen | undefined> {
  const text = await repository.git('cat-file', 'blob', `main:${fileName}`);
  const { zone } = readZoneFile(Buffer.from(`${text}\n`, 'latin1'), name);
  if (zone === undefined) return undefined;
  const records: ResourceRecord[] = [zone.soaRecord(), ...zone.records()];
  return { serial: zone.serial, text: records.map(textOfRecord).sort().join('\n') };
}
