/** Which way of receiving datagrams a run of the tests is about: `ZONEWRIGHT_UDP`, which services read by themselves. */
import type { NameServerOptions } from '@zonewright/common/service/name-server';

/** For servers within the process of a test that is not about one of the ways. */
export const udpOfRun: NonNullable<NameServerOptions['udp']> =
  process.env.ZONEWRIGHT_UDP === 'portable' ? 'portable' : 'auto';
