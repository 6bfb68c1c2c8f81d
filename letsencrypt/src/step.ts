/**
 * The steps of an order on its way, named: a test that ends the process at any of them shows that the certificate comes all the same, and that
 * nothing is left behind. Nothing happens where nobody listens.
 */
import { publishStep } from '@zonewright/common/git/step';

export const STEPS = [
  /** The CA has an account for us. */
  'account.made',
  /** The CA has the order, and only it. */
  'order.made',
  'order.kept',
  /** The challenges stand in all zones. */
  'challenge.put',
  /** All servers show them. */
  'challenge.seen',
  /** The CA may look. */
  'challenge.told',
  'challenge.valid',
  /** They are taken away. */
  'challenge.gone',
  /** The CA has issued, and has not been asked for the certificate. */
  'order.final',
  /** The certificate is here, and nowhere else. */
  'order.issued',
  /** It stands in the zone, which is not remembered. */
  'order.published',
] as const;

/** Says that a step has been done. */
export const step: (name: (typeof STEPS)[number]) => void = publishStep;
