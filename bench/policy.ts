/**
 * What a decision costs: `node bench/policy.ts [--json | --summary]`. Five policies of twenty rules concern each decision; the
 * others select something else, in four ways that an index could stumble over. No test asserts these figures, because a
 * shared machine must not fail a build; `--summary`, for acceptance, compares the medians with what was promised.
 */
import { type Sources, compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Plan } from "#core/policy/plan.ts";
import { openSession } from "#core/policy/session.ts";
import { OTHERS, type Others, benchFacts, benchSources } from "./policy-sources.ts";

const SAMPLES = 400;
/** The same work takes half as long again while a neighbour of a shared machine is busy: the quietest round counts. */
const ROUNDS = 5;
const WARM_UP_CALLS = 5_000;
const COUNTS = [100, 1_000, 10_000];
const PROMISED = { policies: 1_000, uncachedUs: 20, cachedUs: 1 } as const;

interface Figures {
  readonly others: Others;
  readonly policies: number;
  readonly compileMs: number;
  readonly uncachedUs: Spread;
  readonly cachedUs: Spread;
}

interface Spread {
  readonly median: number;
  readonly p99: number;
}

const figures = OTHERS.flatMap((others) => COUNTS.map((count) => measure(others, count)));
if (process.argv.includes("--json")) console.log(JSON.stringify({ figures, flatness: flatness() }, null, 2));
else if (process.argv.includes("--summary")) summarise();
else print();

function measure(others: Others, policies: number): Figures {
  const sources = benchSources(others, policies);
  const facts = benchFacts();
  const { plan, compileMs } = timeCompile(sources);
  const { outcome, code } = decide(plan, facts);
  if (outcome !== "allow") throw new Error(`the benchmark's own request is refused: ${code}`);
  const session = openSession(plan, facts.caller, facts.connection);
  return {
    others,
    policies,
    compileMs,
    uncachedUs: time(() => decide(plan, facts), 20),
    cachedUs: time(() => session.decide(facts.request, facts.nowMs), 1_000),
  };
}

function timeCompile(sources: Sources): { readonly plan: Plan; readonly compileMs: number } {
  const start = process.hrtime.bigint();
  const plan = compile(sources);
  return { plan, compileMs: Number(process.hrtime.bigint() - start) / 1e6 };
}

function time(call: () => unknown, callsPerSample: number): Spread {
  for (let at = 0; at < WARM_UP_CALLS; at += 1) call();
  const rounds = Array.from({ length: ROUNDS }, () => timeRound(call, callsPerSample));
  return rounds.reduce((quietest, round) => (round.median < quietest.median ? round : quietest));
}

/** Microseconds of one call, from samples of several calls each, so that the clock's own cost does not show. */
function timeRound(call: () => unknown, callsPerSample: number): Spread {
  const samples: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const start = process.hrtime.bigint();
    for (let at = 0; at < callsPerSample; at += 1) call();
    samples.push(Number(process.hrtime.bigint() - start) / 1e3 / callsPerSample);
  }
  samples.sort((a, b) => a - b);
  const at = (part: number): number => samples[Math.floor(part * (SAMPLES - 1))] ?? Number.NaN;
  return { median: at(0.5), p99: at(0.99) };
}

/** How much dearer a decision is among 1,000 and 10,000 policies than among 100; 1 is flat. */
function flatness(): readonly {
  readonly others: Others;
  readonly policies: number;
  readonly ratio: number;
}[] {
  return figures
    .filter(({ policies }) => policies !== COUNTS[0])
    .map(({ others, policies, uncachedUs }) => {
      const fewest = figures.find((row) => row.others === others && row.policies === COUNTS[0]);
      return { others, policies, ratio: uncachedUs.median / (fewest?.uncachedUs.median ?? Number.NaN) };
    });
}

/** The dearest of the four ways, at the promised number of policies; exit code 1 when a median breaks the promise. */
function summarise(): void {
  const rows = figures.filter(({ policies }) => policies === PROMISED.policies);
  const worst = (of: (row: Figures) => number): number => Math.max(...rows.map(of));
  const uncached = worst(({ uncachedUs }) => uncachedUs.median);
  const cached = worst(({ cachedUs }) => cachedUs.median);
  const ratio = Math.max(...flatness().map((row) => row.ratio));
  console.log(
    `decision among ${PROMISED.policies} policies × 20 rules: ${uncached.toFixed(1)} µs uncached ` +
      `(p99 ${worst(({ uncachedUs }) => uncachedUs.p99).toFixed(1)}, promised ${PROMISED.uncachedUs})`,
  );
  console.log(`${cached.toFixed(3)} µs cached (promised ${PROMISED.cachedUs})`);
  console.log(
    `${ratio.toFixed(2)} times dearer among up to ${COUNTS.at(-1)} policies than among ${COUNTS[0]}`,
  );
  console.log(`compiled in ${worst(({ compileMs }) => compileMs).toFixed(0)} ms`);
  if (uncached > PROMISED.uncachedUs || cached > PROMISED.cachedUs) process.exitCode = 1;
}

function print(): void {
  console.log("others differ by   policies  compile ms  uncached µs (p99)  cached µs (p99)");
  for (const { others, policies, compileMs, uncachedUs, cachedUs } of figures) {
    const spread = ({ median, p99 }: Spread, digits: number): string =>
      `${median.toFixed(digits)} (${p99.toFixed(digits)})`;
    console.log(
      others.padEnd(17),
      String(policies).padStart(9),
      compileMs.toFixed(0).padStart(11),
      spread(uncachedUs, 1).padStart(18),
      spread(cachedUs, 3).padStart(17),
    );
  }
  for (const { others, policies, ratio } of flatness()) {
    console.log(`flatness, ${COUNTS[0]} → ${policies} by ${others}: ${ratio.toFixed(2)}`);
  }
}
