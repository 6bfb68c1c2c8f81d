/** How much is tried by chance: a part with each run of all tests, and all of it with `npm run test:fuzz`, where `FUZZ=whole`. */

export const isWhole = process.env.FUZZ === 'whole';

const PART = 4;

/** How often a law is tried, of so many times when all is. */
export const runs = (whole: number): number => (isWhole ? whole : Math.ceil(whole / PART));
