/**
 * The account at the CA (RFC 8555 7.3): found, or made, once for all who ask at the same time, and again when the CA does not
 * know it any more.
 *
 * Always holds: whoever gets a client of the library gets one that knows the account, and no call has it changed underneath.
 */

import { fail, ok, type Result } from '@zonewright/common/result';
import type { Client } from 'acme-client';
import type { AcmeOptions, Outcome } from './acme.ts';
import { exchange, type Line } from './acme-exchange.ts';
import { type AcmeFault, asRecord, printable } from './acme-problem.ts';
import type { Account } from './acme-resource.ts';
import { step } from './step.ts';

/** A client of the library, and the account that it knows. */
interface Known {
  readonly client: Client;
  readonly account: Account;
}

/** Ways of a CA to say no; others say that it could not answer. */
const REFUSALS: ReadonlySet<AcmeFault['kind']> = new Set(['account', 'unauthorized', 'malformed', 'csr', 'host']);

/** The account of one key. */
export class AccountHolder {
  readonly #makeClient: () => Client;
  readonly #line: Line;
  readonly #options: AcmeOptions;
  #known: Known | undefined;
  #finding: Outcome<Known> | undefined;

  constructor(makeClient: () => Client, line: Line, options: AcmeOptions) {
    this.#makeClient = makeClient;
    this.#line = line;
    this.#options = options;
  }

  async get(signal: AbortSignal | undefined): Outcome<Known> {
    for (;;) {
      if (this.#known !== undefined) return ok(this.#known);
      if (signal?.aborted) return stopped();
      this.#finding ??= this.#find(signal).finally(() => {
        this.#finding = undefined;
      });
      const found = await unlessAborted(this.#finding, signal);
      // Somebody else who asked and gave up says nothing to us: then we ask.
      if (found.ok || found.fault.kind !== 'aborted' || signal?.aborted) return found;
    }
  }

  /** The CA does not know the account of this client any more; another one has been asked for since, perhaps. */
  lost(client: Client): void {
    if (this.#known?.client === client) this.#known = undefined;
  }

  async #find(signal: AbortSignal | undefined): Outcome<Known> {
    const client = this.#makeClient();
    const ask = async () => ({
      account: await client.createAccount({ onlyReturnExisting: true }),
      url: client.getAccountUrl(),
    });
    const found = await exchange(this.#line, 'account', signal, ask, true);
    if (found.ok) {
      const { account, url } = found.value.value;
      const fault = await this.#contact(client, account, signal);
      return fault === undefined ? this.#keep(client, url, false) : fail(fault);
    }
    if (found.fault.problem?.type !== 'accountDoesNotExist') return fail(refusal(found.fault));
    return this.#make(signal);
  }

  async #make(signal: AbortSignal | undefined): Outcome<Known> {
    if (!this.#options.termsAgreed) {
      return fail({ kind: 'account', what: 'newAccount: the terms of service of the CA are not agreed to' });
    }
    const client = this.#makeClient();
    const ask = async () => {
      await client.createAccount({ termsOfServiceAgreed: true, ...this.#contactField() });
      return client.getAccountUrl();
    };
    const made = await exchange(this.#line, 'newAccount', signal, ask, true);
    const hint = this.#options.eab && 'do --eab-kid and --eab-hmac-key belong together, and to this CA?';
    if (!made.ok) return fail(refusal(made.fault, hint));
    const url = made.value.value;
    step('account.made');
    this.#options.onAccountMade?.(url);
    return this.#keep(client, url, true);
  }

  #keep(client: Client, url: string, isNew: boolean): Result<Known, AcmeFault> {
    this.#known = { client, account: { url, isNew: false } };
    return ok({ client, account: { url, isNew } });
  }

  /** Brings the contact of an account that was found up to date. */
  async #contact(client: Client, account: unknown, signal: AbortSignal | undefined): Promise<AcmeFault | undefined> {
    const status = asRecord(account).status;
    if (status !== 'valid') return { kind: 'account', what: `account: the account is ${printable(String(status))}` };
    const { contact } = this.#contactField();
    const before = asRecord(account).contact;
    const known = Array.isArray(before) ? before : [];
    if (contact === undefined || contact.every((one) => known.includes(one))) return undefined;
    const updated = await exchange(this.#line, 'account', signal, () => client.updateAccount({ contact }));
    return updated.ok ? undefined : updated.fault;
  }

  #contactField(): { contact?: string[] } {
    return this.#options.email === undefined ? {} : { contact: [`mailto:${this.#options.email}`] };
  }
}

/** Whatever a CA has against an account is about us, and not about what was requested. */
function refusal(fault: AcmeFault, hint?: string): AcmeFault {
  return REFUSALS.has(fault.kind) ? { ...fault, kind: 'account', ...(hint !== undefined && { hint }) } : fault;
}

const stopped = (): { readonly ok: false; readonly fault: AcmeFault } =>
  fail({ kind: 'aborted', what: 'account: stopped' });

/** What comes first: the outcome, or the end of the wait for it. */
async function unlessAborted<T>(outcome: Outcome<T>, signal: AbortSignal | undefined): Outcome<T> {
  if (signal === undefined) return outcome;
  let stop = (): void => undefined;
  const end = new Promise<Result<T, AcmeFault>>((resolve) => {
    stop = () => resolve(stopped());
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([outcome, end]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
