/**
 * The registered domain of a host name, which CAs count certificates by: the highest zone of ours that the name is in and that has at
 * least two labels, else the last two labels of the name.
 *
 * No list of public suffixes is asked. Who has the zones knows where they begin: the highest zone that a key can see is at or below
 * what was registered, in all but one case - a registry's own zone, as `co.uk` - and then only fewer orders are begun than
 * could be. Pure.
 */
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Name } from '@zonewright/common/name';
import { nameOfHost } from './posting.ts';

/** A suffix with fewer labels is not registered by anybody who orders certificates. */
const LEAST_LABELS = 2;

/** In lower case, with a final dot. A leading `*.` does not count. */
export function registeredDomain(host: string, zones: Pick<ZoneTable, 'get'>): string {
  return domainOf(nameOfHost(host), zones).toLowerCase().toString();
}

function domainOf(name: Name, zones: Pick<ZoneTable, 'get'>): Name {
  for (let labels = LEAST_LABELS; labels <= name.labelCount; labels++) {
    const ancestor = name.ancestor(labels);
    if (zones.get(ancestor) !== undefined) return ancestor;
  }
  return name.ancestor(Math.min(LEAST_LABELS, name.labelCount));
}

/**
 * Who asks, as far as names tell: the label below the registered domain, since a key that may update one host is for that host and what is
 * below it.
 */
export function groupOf(host: Name, zones: Pick<ZoneTable, 'get'>): string {
  const labels = domainOf(host, zones).labelCount + 1;
  return host.ancestor(Math.min(labels, host.labelCount)).toLowerCase().toString();
}

/** Those of all hosts of a request, each once. */
export function registeredDomains(hosts: readonly string[], zones: Pick<ZoneTable, 'get'>): readonly string[] {
  return [...new Set(hosts.map((host) => registeredDomain(host, zones)))];
}
