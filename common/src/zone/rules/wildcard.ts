/** Wildcards that do not do what they look like (RFC 4592). */
import { TYPE } from '../../rr/type.ts';
import { ASPECT, NONE, type Rule } from './rule.ts';

const DIFFER = 'servers differ in what they make of it';
const ASTERISK = 0x2a;

export const wildcardRules: readonly Rule[] = [
  {
    rule: 'wildcard-ns',
    severity: 'warning',
    source: 'RFC 4592 4.2',
    types: [TYPE.NS],
    aspect: ASPECT.target,
    findIn: (_zone, { name }) => (name.isWildcard ? [{ type: TYPE.NS, what: 'NS of a wildcard', hint: DIFFER }] : NONE),
  },
  {
    rule: 'wildcard-dname',
    severity: 'warning',
    source: 'RFC 4592 4.4',
    types: [TYPE.DNAME],
    findIn: (_zone, { name }) =>
      name.isWildcard ? [{ type: TYPE.DNAME, what: 'DNAME of a wildcard', hint: DIFFER }] : NONE,
  },
  {
    rule: 'wildcard-inside',
    severity: 'warning',
    source: 'RFC 4592 2.1.1',
    aspect: ASPECT.asterisk,
    find(_zone, { name }) {
      const isInside = name.labels.some((label, index) => index > 0 && label.length === 1 && label[0] === ASTERISK);
      return isInside ? [{ what: 'an asterisk below another label stands for itself only' }] : NONE;
    },
  },
];
