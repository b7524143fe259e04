/** Decides every case of every test of a configuration, and notes which rules took part. */
import type { PolicyTest } from "#core/api/kinds.gen.ts";
import { compile } from "#core/policy/compile.ts";
import type { RuleRef } from "#core/policy/decision.ts";
import { type Explanation, explain } from "#core/policy/explain.ts";
import type { Ancestor, Identity } from "#core/policy/facts.ts";
import { parseInstantMs } from "#core/policy/instant.ts";
import { requestOf } from "#core/policy/protocols/kubernetes/asked.ts";
import { say } from "#core/policy/protocols/kubernetes/words.ts";
import { type Analyse, factsOf, type Question, SEARCH_PATH_DEFAULT } from "../asking.ts";
import type { Configuration } from "../configuration.ts";
import { ruleKey, rulesIn, shortName } from "../rules.ts";
import { mismatchesOf } from "./judge.ts";
import type { CaseResult, SuiteResult, TestReport } from "./report.ts";
import type { StockVersion } from "#core/statements/postgres/stock.ts";

export interface RunOptions {
  readonly nowMs: number;
  readonly serverVersion: StockVersion;
}

type Case = PolicyTest["spec"]["cases"][number];

export async function runTests(
  configuration: Configuration,
  analyse: Analyse,
  options: RunOptions,
): Promise<TestReport> {
  const plan = compile(configuration.loaded);
  const exercised = new Set<string>();
  const suites: SuiteResult[] = [];
  for (const test of configuration.loaded.tests) {
    const cases: CaseResult[] = [];
    for (const [index, testCase] of test.spec.cases.entries()) {
      const explanation = explain(
        plan,
        await factsOf(questionOf(testCase, options), configuration.loaded, analyse),
      );
      for (const ref of rulesThatTookPart(explanation)) exercised.add(ruleKey(ref));
      cases.push(resultOf(testCase, explanation, placeOfCase(configuration, test, index)));
    }
    suites.push({ name: nameOf(test), file: cases[0]?.file ?? "", cases });
  }
  const results = suites.flatMap(({ cases }) => cases);
  const passed = results.filter((result) => result.passed).length;
  return { suites, passed, failed: results.length - passed, coverage: coverageOf(configuration, exercised) };
}

function questionOf(testCase: Case, { nowMs, serverVersion }: RunOptions): Question {
  const { postgres, kubernetes } = testCase;
  return {
    caller: {
      identity: identityOf(testCase.subject),
      ancestors: (testCase.ancestors ?? []).map(
        ({ kind, ...rest }): Ancestor => ({ kind, identity: identityOf(rest) }),
      ),
    },
    connection: testCase.connection,
    // The schema lets nothing pass that is not a time.
    nowMs: (testCase.at === undefined ? undefined : parseInstantMs(testCase.at)) ?? nowMs,
    ...(postgres !== undefined && { statement: postgres.statement }),
    ...(kubernetes !== undefined && { request: requestOf(kubernetes) }),
    searchPath: postgres?.searchPath ?? SEARCH_PATH_DEFAULT,
    serverVersion,
  };
}

function identityOf({ serviceAccount, oidc, user }: Case["subject"]): Identity {
  return {
    ...(serviceAccount && { serviceAccount }),
    ...(oidc && { oidc: { provider: oidc.provider, claims: oidc.claims ?? {} } }),
    ...(user && { user: { name: user.name, groups: user.groups ?? [] } }),
  };
}

function resultOf(
  testCase: Case,
  { decision }: Explanation,
  place: { file: string; line: number },
): CaseResult {
  const mismatches = mismatchesOf(testCase.expect, decision);
  return {
    name: testCase.name,
    file: place.file,
    line: place.line,
    ...statementIn(testCase),
    passed: mismatches.length === 0,
    mismatches,
    outcome: decision.outcome,
    code: decision.code,
    ...(decision.by && { by: decision.by }),
    publicText: decision.publicText,
  };
}

/** What is asked, in one line. */
function statementIn({ postgres, kubernetes }: Case): { readonly statement?: string } {
  if (postgres !== undefined) return { statement: postgres.statement };
  return kubernetes === undefined ? {} : { statement: requestOf(kubernetes).acts.map(say).join() };
}

function placeOfCase(configuration: Configuration, { kind, metadata }: PolicyTest, index: number) {
  const object = {
    kind,
    name: metadata.name,
    ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
  };
  return configuration.placeOf(object, ["spec", "cases", index, "name"]) ?? { file: "", line: 1 };
}

/**
 * A rule is exercised when a case shows what it is for: it decided, it refused or asked, it would have done so in
 * observe mode, or something passed because of it. What it covers of a statement that is refused shows nothing.
 */
function rulesThatTookPart({ decision, links }: Explanation): readonly RuleRef[] {
  const demands = links.flatMap((link) => link.demands);
  const granting =
    decision.outcome === "deny" ? [] : demands.flatMap(({ coveredBy }) => coveredBy.slice(0, 1));
  return [
    ...(decision.by ? [decision.by] : []),
    ...decision.observations.flatMap(({ rule }) => (rule ? [rule] : [])),
    ...demands.flatMap(({ metBy }) => metBy.map(({ rule }) => rule)),
    ...granting,
  ];
}

function coverageOf(configuration: Configuration, exercised: ReadonlySet<string>): TestReport["coverage"] {
  const rules = rulesIn(configuration);
  const untested = rules.filter(({ ref }) => !exercised.has(ruleKey(ref)));
  return {
    rules: rules.length,
    exercised: rules.length - untested.length,
    untested: untested.map(({ ref, place }) => ({
      rule: shortName(ref),
      effect: ref.effect,
      file: place.file,
      line: place.line,
    })),
  };
}

function nameOf({ metadata: { namespace, name } }: PolicyTest): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
