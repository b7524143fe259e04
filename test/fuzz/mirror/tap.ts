/** Policy by words, and a record of what was decided, for an engine in memory. */
import type { Decision, Obligations } from "#core/policy/decision.ts";
import type { Request } from "#core/policy/facts.ts";
import type { StatementFacts } from "#core/statements/postgres/facts.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { Tap, Verdict } from "#sidecar/protocols/protocol.ts";
import { isRefusedBy } from "../texts.ts";

const MASKS = ["secret", "pin"].map(
  (column) => ({ schema: "public", table: "people", column, action: "redact" }) as const,
);

export class RecordingTap implements Tap {
  refuses: readonly string[] = [];
  isFull = false;
  readonly passesAll = false;
  obligations: Obligations;
  /** How often a text may be carried out. */
  readonly passed = new Map<string, number>();
  readonly #texts = new WeakMap<StatementFacts, string>();
  readonly #isLate: () => boolean;
  #waiting: (() => void)[] = [];
  #requests = 0;
  fault: string | undefined;

  constructor(masks: boolean, isLate: () => boolean) {
    this.obligations = { mask: masks ? MASKS : [], limits: {}, whenParentEnds: "finish" };
    this.#isLate = isLate;
  }

  decide(request: Request, text: Uint8Array): Verdict | Promise<Verdict> {
    const verdict = this.#verdict(request, Buffer.from(text).toString());
    if (!this.#isLate()) return verdict;
    return this.later(verdict);
  }

  recheck(request: Request): Decision {
    return this.#decision(request, this.#textOf(request, ""));
  }

  result(request: number): void {
    if (request < 0 || request >= this.#requests) this.fault ??= `request ${request} was never decided`;
  }

  count(): Refusal | undefined {
    return undefined;
  }

  onChange(): void {
    // The engine is told of changes by whoever plays it.
  }

  onRoom(): void {
    // As above.
  }

  /** The value, when `answer` says so. */
  later<Value>(value: Value): Promise<Value> {
    return new Promise((resolve) => this.#waiting.push(() => resolve(value)));
  }

  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  answer(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #verdict(request: Request, shown: string): Verdict {
    const text = this.#textOf(request, shown);
    const number = this.#requests++;
    const decision = this.#decision(request, text);
    if (decision.outcome !== "allow")
      return {
        pass: false,
        request: number,
        refusal: refusal("DENY_RULE", decision.publicText, "fuzz/rule"),
      };
    this.passed.set(text, (this.passed.get(text) ?? 0) + 1);
    return { pass: true, request: number, decision };
  }

  /** What was analysed from a text is known by it, also where it is run by a name; "": nobody knows. */
  #textOf(request: Request, shown: string): string {
    const statements = request.protocol === "postgres" ? request.statements : [];
    const text = shown === "" ? (statements.map((facts) => this.#texts.get(facts))[0] ?? "") : shown.trim();
    for (const facts of statements) if (text !== "") this.#texts.set(facts, text);
    return text;
  }

  isRefused(_: Request, text: string): boolean {
    return isRefusedBy(this.refuses, text);
  }

  #decision(request: Request, text: string): Decision {
    const isRefused = this.isRefused(request, text);
    return {
      outcome: isRefused ? "deny" : "allow",
      code: isRefused ? "DENY_RULE" : "ALLOWED",
      publicText: isRefused ? "not for agents" : "allowed",
      obligations: this.obligations,
      observations: [],
      validUntilMs: Infinity,
    };
  }
}
