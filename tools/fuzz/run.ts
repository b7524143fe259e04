/**
 * `make fuzz MINUTES=n`: first shows that the fuzzers can fail, on defects planted for it, then lets them and every property run on
 * seeds that nobody tried. Whatever is found is made small, kept under .cache/fuzz, and told with the line that has it again.
 * A whole run of twenty minutes or more is written to docs/fuzzing.json, which the table in docs/fuzzing.md is made of.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { huntDefects } from "./defects.ts";
import { huntAll, replay } from "./hunting.ts";
import { conclude, type LaneReport } from "./lane.ts";
import { publish, TOLD_MINUTES_MIN } from "./page.ts";
import { runProperties } from "./properties.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string", default: String(randomInt(2 ** 31)) },
    /** One fuzzer, `properties` or `defects`; all of them by default. */
    only: { type: "string" },
    /** A case that was kept. */
    replay: { type: "string" },
  },
});

const minutes = numberOf("minutes", values.minutes);
const seed = numberOf("seed", values.seed);

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  console.error(`fuzz: --${name} must be a number, not "${text}"`);
  process.exit(2);
}

/** Defects take what they need, and are cut off at a quarter of all the time. */
const DEFECTS_MS_A_MINUTE = 15_000;

async function run(): Promise<boolean> {
  if (values.replay !== undefined) return await replay(values.replay);
  const startMs = Date.now();
  const endMs = startMs + minutes * 60_000;
  const { only } = values;
  console.log(`fuzz: ${minutes} minutes, seed ${seed}`);
  const wants = (what: string): boolean => only === undefined || only === what;
  const lanes: LaneReport[] = [];
  if (wants("defects"))
    lanes.push(await huntDefects(seed, only ? endMs : startMs + minutes * DEFECTS_MS_A_MINUTE));
  const isFuzzer = only === undefined || !["defects", "properties"].includes(only);
  const [properties, fuzzers] = await Promise.all([
    wants("properties") ? runProperties(seed, endMs) : undefined,
    isFuzzer ? huntAll(seed, endMs, only) : [],
  ]);
  lanes.push(...fuzzers, ...(properties === undefined ? [] : [properties]));
  const seconds = (Date.now() - startMs) / 1000;
  if (only === undefined && minutes >= TOLD_MINUTES_MIN)
    publish({ day: new Date(startMs).toISOString().slice(0, 10), minutes, seed, seconds, lanes });
  return conclude(seed, seconds, lanes);
}

const isWell = await run();
console.log(isWell ? "fuzz: nothing found" : "fuzz: found something, see above");
process.exitCode = isWell ? 0 : 1;
