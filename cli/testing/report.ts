/** What a run of policy tests comes to; every renderer starts from this, and JSON shows it as it is. */
import type { Decision, RuleRef } from "#core/policy/decision.ts";

/** One expectation that did not hold, each side in the words of the test file. */
export interface Mismatch {
  readonly field: string;
  readonly expected: string;
  readonly actual: string;
}

export interface CaseResult {
  readonly name: string;
  readonly file: string;
  /** Starts at 1. */
  readonly line: number;
  readonly statement?: string;
  readonly passed: boolean;
  readonly mismatches: readonly Mismatch[];
  readonly outcome: Decision["outcome"];
  readonly code: Decision["code"];
  readonly by?: RuleRef;
  readonly publicText: string;
}

export interface SuiteResult {
  /** `namespace/name`, or the name alone. */
  readonly name: string;
  readonly file: string;
  readonly cases: readonly CaseResult[];
}

interface UntestedRule {
  /** `policy/rule`, as `expect.by` writes it. */
  readonly rule: string;
  readonly effect: RuleRef["effect"];
  readonly file: string;
  readonly line: number;
}

export interface TestReport {
  readonly suites: readonly SuiteResult[];
  readonly passed: number;
  readonly failed: number;
  readonly coverage: {
    readonly rules: number;
    readonly exercised: number;
    readonly untested: readonly UntestedRule[];
  };
}
