/** The levels of `--log-level`; apart from the log, so that a command line is read without loading a logger. */

/** From most to least talkative. Nothing is logged at `trace` but what `debug` logs. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];
