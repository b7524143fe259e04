/**
 * Loaded before the gateway of a pod, which knows nothing of it: told to by SIGUSR2, it has the process parse as sessions would, and
 * tells what the process weighs, a line of JSON for each age.
 */
import { readFileSync } from "node:fs";

export interface Weight {
  readonly age: "ready" | "first" | "thousand" | "aside";
  readonly residentBytes: number;
  /** Not of a file: what no other pod of the node shares. */
  readonly anonymousBytes: number;
  readonly tookMs: number;
}

const PARSES = 1_000;
/** Different texts, so that none is known from before. */
const STATEMENTS = [
  (n: number) => `select id, name from orders where id = ${n} and created > now() - interval '1 day'`,
  (n: number) => `insert into orders (customer, state, total) values (${n}, 'open', $1) returning id`,
  (n: number) =>
    `with due as (select * from invoices join customers using (customer) where days > ${n}) select customer, sum(total) from due group by 1 having count(*) > 2 order by 2 limit 10`,
  (n: number) => `update orders set state = 'shipped' where id in (select id from picked where batch = ${n})`,
];
/** Some 200 kB, as programs do write them. */
const LARGE_IDS = 20_000;

process.once("SIGUSR2", () => {
  weigh().catch((error: unknown) => {
    process.stdout.write(`failed: ${String(error)}\n`);
  });
});

async function weigh(): Promise<void> {
  tell("ready", 0);
  // The parser's host is the gateway's own, not one that this file brings along before anybody needs it.
  const { openParser } = await import("#sidecar/statements/parser.ts");
  await using parser = openParser();
  tell("first", await timed(() => parser.parse(Buffer.from("select 1"), false)));
  const thousand = await timed(async () => {
    for (let count = 0; count < PARSES; count += 1) {
      const text = STATEMENTS[count % STATEMENTS.length]?.(count) ?? "";
      const outcome = await parser.parse(Buffer.from(text), false);
      if ("code" in outcome) throw new Error(`${text}: ${outcome.text}`);
    }
  });
  tell("thousand", thousand / PARSES);
  const large = Buffer.from(`select * from orders where id in (${"1234567, ".repeat(LARGE_IDS)}0)`);
  tell("aside", await timed(() => parser.parse(large, true)));
}

async function timed(act: () => unknown): Promise<number> {
  const beganMs = performance.now();
  await act();
  return performance.now() - beganMs;
}

function tell(age: Weight["age"], tookMs: number): void {
  const status = readFileSync("/proc/self/status", "utf8");
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1_024;
  const weight: Weight = {
    age,
    residentBytes: bytes("VmRSS"),
    anonymousBytes: bytes("RssAnon"),
    tookMs,
  };
  process.stdout.write(`${JSON.stringify(weight)}\n`);
}
