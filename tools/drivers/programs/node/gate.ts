/** Opens when every worker has come to it. */
export interface Gate {
  readonly full: Promise<void>;
  enter(): void;
}

export function gate(workers: number): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  let there = 0;
  return {
    full: promise,
    enter() {
      there += 1;
      if (there === workers) resolve();
    },
  };
}
