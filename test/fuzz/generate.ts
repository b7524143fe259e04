/** Random clients. */
import type { Random } from "./random.ts";
import type { Step, Turn } from "./steps.ts";
import { COPY_IN, refusedWords } from "./texts.ts";

const STATEMENTS = ["", "", "a", "b", "sp"];
const PORTALS = ["", "", "p", "c"];

export interface ClientHabits {
  readonly text: (random: Random) => string;
  readonly turnsMax: number;
  readonly stepsMax: number;
  /** Never a Query in the middle of a group: 18.4 fails at the next statement of whoever sent one (XX000), without a gateway too. */
  readonly isTidy: boolean;
}

export function turns(random: Random, habits: ClientHabits): Turn[] {
  let refuses: string[] = [];
  const all = random.many(habits.turnsMax, () => {
    if (random.once(2)) refuses = refusedWords(random);
    return { refuses, steps: random.many(habits.stepsMax, () => steps(random, habits)).flat() };
  });
  // Most of what a session keeps, it keeps for a transaction only.
  const begin = { refuses: [], steps: [{ say: "query", text: "begin" } as const] };
  const whole = random.once(2) ? [begin, ...all] : all;
  return habits.isTidy ? whole.map((turn) => ({ ...turn, steps: tidy(turn.steps) })) : whole;
}

function tidy(steps: readonly Step[]): Step[] {
  let isOpen = false;
  return steps.flatMap((step): Step[] => {
    const isSimple = step.say === "query" || (step.say === "copy" && !step.extended);
    const wasOpen = isOpen;
    isOpen = !isSimple && step.say !== "sync";
    return isSimple && wasOpen ? [{ say: "sync" }, step] : [step];
  });
}

/** One message, or a few that belong together: left to chance alone, hardly anything would ever be executed. */
function steps(random: Random, habits: ClientHabits): Step[] {
  const way = random.below(20);
  if (way < 5) return [query(random, habits)];
  if (way < 11) return exchange(random, habits);
  if (way === 11) return [copy(random, habits)];
  return [anything(random, habits)];
}

const query = (random: Random, habits: ClientHabits): Step => ({
  say: "query",
  text: random.once(4) ? random.many(3, () => habits.text(random)).join("; ") : habits.text(random),
});

function exchange(random: Random, habits: ClientHabits): Step[] {
  const statement = random.pick(STATEMENTS);
  const portal = random.pick(PORTALS);
  const all: Step[] = [
    { say: "parse", name: statement, text: habits.text(random) },
    { say: "describe", kind: "S", name: statement },
    { say: "bind", portal, statement, binary: random.once(3) },
    { say: "describe", kind: "P", name: portal },
    { say: "execute", portal, rows: random.pick([0, 0, 1]) },
    { say: "sync" },
  ];
  // Drivers leave out what they know already, and put off the Sync.
  const kept = { parse: 4, describe: 2, bind: 6, execute: 10, sync: 3 };
  return all.filter(({ say }) => random.below(10) < (kept[say as keyof typeof kept] ?? 10) + 4);
}

function copy(random: Random, habits: ClientHabits): Step {
  const extended = random.once(2);
  const around = !extended && random.once(3);
  const lines = random.once(3) ? ["not a number\n"] : [];
  return {
    say: "copy",
    text: around ? `${habits.text(random)}; ${COPY_IN}; ${habits.text(random)}` : COPY_IN,
    extended,
    data: [...lines, ...(random.once(4) ? [] : random.many(2, () => `${10 + random.below(20)}\n`))],
    fails: random.once(4),
    noise: random.once(4),
  };
}

function anything(random: Random, habits: ClientHabits): Step {
  const kind = random.pick(["S", "P"] as const);
  const name = random.pick(kind === "S" ? STATEMENTS : PORTALS);
  switch (random.below(12)) {
    case 0:
    case 1:
      return { say: "parse", name: random.pick(STATEMENTS), text: habits.text(random) };
    case 2:
      return {
        say: "bind",
        portal: random.pick(PORTALS),
        statement: random.pick(STATEMENTS),
        binary: random.once(3),
      };
    case 3:
    case 4:
    case 9:
    case 10:
      return { say: "execute", portal: random.pick(PORTALS), rows: random.pick([0, 0, 1]) };
    case 5:
      return { say: "describe", kind, name };
    case 6:
      return { say: "close", kind, name };
    case 7:
      return { say: random.pick(["flush", "flush", "stray"] as const) };
    default:
      return { say: "sync" };
  }
}
