/** Work that says by each `yield` where others may have their turn: nothing is half done there. Who does it is `service/slices.ts`. */
export type Steps<T> = Generator<undefined, T, undefined>;
