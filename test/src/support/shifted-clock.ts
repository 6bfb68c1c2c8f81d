/**
 * To be loaded before a program (`node --import`): its time of day is `CLOCK_SHIFT` milliseconds ahead. Timers and the steady clock
 * are left alone.
 */
const shift = Number(process.env.CLOCK_SHIFT ?? 0);
const { now } = Date;

globalThis.Date = class extends Date {
  constructor(...args: readonly [] | ConstructorParameters<typeof Date>) {
    if (args.length === 0) super(now() + shift);
    else super(...(args as ConstructorParameters<typeof Date>));
  }
  static override now(): number {
    return now() + shift;
  }
} as DateConstructor;
