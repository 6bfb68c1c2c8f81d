/**
 * Is a zone good? One set of rules for `check`, reload, UPDATE and transfers; each is an error (the zone is not taken) or a
 * warning. A rule is a row of a table in `rules/`. It looks at one name with its surroundings, so an UPDATE checks the names it
 * touches, their cuts and the apex, not the zone.
 *
 * Left out: what only the outside can tell (do the targets in other zones exist?), and what only a file can break
 * (`authority/zone-file.ts`: owners outside of the zone, records that stand twice, differing TTLs).
 * Always holds: the cost is linear in what is checked, and nothing throws, whatever the records hold.
 */
import type { Name } from '../name.ts';
import { aliasRules } from './rules/alias.ts';
import { apexRules } from './rules/apex.ts';
import { Aspects } from './rules/aspect.ts';
import { cutRules } from './rules/cut.ts';
import { digestRules } from './rules/digest.ts';
import { type Breach, NONE, type Rule } from './rules/rule.ts';
import { signedRules } from './rules/signed.ts';
import { sizeRules } from './rules/size.ts';
import { targetRules } from './rules/target.ts';
import { wildcardRules } from './rules/wildcard.ts';
import type { Zone, ZoneNode } from './zone.ts';

export { isTsigSecret } from './rules/signed.ts';

/** A breach of a rule, by a name. */
export interface Finding extends Breach {
  /** The name, severity and origin of the rule. */
  readonly rule: string;
  readonly severity: 'error' | 'warning';
  readonly source: string;
  readonly name: Name;
}

/** All rules. */
export const zoneRules: readonly Rule[] = [
  ...sizeRules,
  ...apexRules,
  ...aliasRules,
  ...cutRules,
  ...targetRules,
  ...digestRules,
  ...wildcardRules,
  ...signedRules,
];

type NameRule = Extract<Rule, { find: unknown }>;
type SetRule = Extract<Rule, { findIn: unknown }>;

const NO_RULES: readonly SetRule[] = [];

function add(findings: Finding[], { rule, severity, source }: Rule, name: Name, breaches: Iterable<Breach>): void {
  if (breaches === NONE) return;
  for (const breach of breaches) findings.push({ ...breach, rule, severity, source, name });
}

/** The rules of a table by what they look at: of most names there is nothing that any rule is about. */
class RuleBook {
  readonly #ofNames: readonly NameRule[];
  readonly #ofSets = new Map<number, SetRule[]>();
  /** What a node must have one of for any rule to look at it: an aspect, or a type of a rule that asks for no aspect. */
  readonly #aspects: number;
  readonly #types: ReadonlySet<number>;

  constructor(rules: readonly Rule[]) {
    this.#ofNames = rules.filter((rule) => 'find' in rule);
    const ofSets = rules.filter((rule) => 'findIn' in rule);
    for (const rule of ofSets)
      for (const type of rule.types) this.#ofSets.set(type, [...(this.#ofSets.get(type) ?? []), rule]);
    this.#aspects = rules.reduce((all, { aspect = 0 }) => all | aspect, 0);
    this.#types = new Set(ofSets.filter(({ aspect }) => aspect === undefined).flatMap(({ types }) => types));
  }

  /** Checks nodes, which are told by their offsets in the image. */
  check(zone: Zone, nodes: Iterable<number>): readonly Finding[] {
    const seen = new Aspects(zone);
    const findings: Finding[] = [];
    for (const node of nodes) {
      const aspects = seen.of(node, this.#aspects);
      if ((aspects & this.#aspects) !== 0 || this.#hasType(zone, node))
        this.#checkNode(zone, zone.read(node), aspects, findings);
    }
    return findings;
  }

  #hasType({ image }: Zone, node: number): boolean {
    for (let i = image.setCount(node) - 1; i >= 0; i--)
      if (this.#types.has(image.setType(image.setAt(node, i)))) return true;
    return false;
  }

  #checkNode(zone: Zone, node: ZoneNode, aspects: number, findings: Finding[]): void {
    for (const rule of this.#ofNames)
      if ((aspects & rule.aspect) !== 0) add(findings, rule, node.name, rule.find(zone, node));
    for (const rrset of node.rrsets.values())
      for (const rule of this.#ofSets.get(rrset.type) ?? NO_RULES)
        if (rule.aspect === undefined || (aspects & rule.aspect) !== 0)
          add(findings, rule, node.name, rule.findIn(zone, rrset, node));
  }
}

const all = new RuleBook(zoneRules);
const limits = new RuleBook(zoneRules.filter(({ isLimit }) => isLimit === true));

/** Checks every name. */
export function checkZone(zone: Zone): readonly Finding[] {
  return all.check(zone, zone.offsets());
}

/** Checks the apex, the given names, and their cuts: what a change of those names can have made wrong there. */
export function checkNames(zone: Zone, names: Iterable<Name>): readonly Finding[] {
  const wanted = new Map([zone.origin, ...names].map((name) => [name.key, name]));
  for (const name of [...wanted.values()]) {
    const cut = zone.cutAt(name);
    if (cut !== undefined) wanted.set(cut.name.key, cut.name);
  }
  return all.check(zone, offsetsOf(zone, wanted.values()));
}

/**
 * Checks what a server can hold and answer, and nothing else, of every name or of those given: a copy is to be what its primary
 * serves, be it good or not.
 */
export function checkLimits(zone: Zone, names?: Iterable<Name>): readonly Finding[] {
  return limits.check(zone, names === undefined ? zone.offsets() : offsetsOf(zone, names));
}

function* offsetsOf(zone: Zone, names: Iterable<Name>): Generator<number, void, undefined> {
  for (const name of names) {
    const node = zone.offsetOf(name);
    if (node !== 0) yield node;
  }
}
