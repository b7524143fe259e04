/** A source of choices for rendering. Plain text always takes the first; a disguise takes what the fuzzer rolled. */
export interface Dice {
  /** A whole number below `sides`. */
  roll(sides: number): number;
  pick<T>(first: T, ...others: readonly T[]): T;
}

export const PLAIN: Dice = diceOf(() => 0);

/** Rolls in order, then from the start again. */
export function diceFrom(rolls: readonly number[]): Dice {
  let next = 0;
  return diceOf((sides) => {
    const roll = rolls[next % rolls.length] ?? 0;
    next += 1;
    return roll % sides;
  });
}

function diceOf(roll: (sides: number) => number): Dice {
  return { roll, pick: (first, ...others) => [first, ...others][roll(others.length + 1)] ?? first };
}
