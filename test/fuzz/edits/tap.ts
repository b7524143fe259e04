/** A policy that is edited while something is on its way: what is refused, what is masked, how many rows may pass. */
import type { Request } from "#core/policy/facts.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { Verdict } from "#sidecar/protocols/protocol.ts";
import { RecordingTap } from "../mirror/tap.ts";

export interface Policy {
  readonly refuses: readonly string[];
  /** Columns of `people`. */
  readonly masks: readonly string[];
  /** 0: no limit. */
  readonly rowsMax: number;
}

export class EditedTap extends RecordingTap {
  /** Something was allowed of which nobody knows what it does: from then on not every name is known. */
  isLost = false;
  policy: Policy = { refuses: [], masks: [], rowsMax: 0 };
  readonly #masks;
  #rows = 0;
  #listeners: (() => void)[] = [];

  constructor(isLate: () => boolean) {
    super(true, isLate);
    this.#masks = this.obligations.mask;
    this.#adopt();
  }

  edit(policy: Policy): void {
    this.policy = policy;
    this.#adopt();
    for (const listener of this.#listeners) listener();
  }

  #adopt(): void {
    const { refuses, masks, rowsMax } = this.policy;
    this.refuses = refuses;
    this.obligations = {
      ...this.obligations,
      mask: this.#masks.filter(({ column }) => masks.includes(column)),
      limits: rowsMax === 0 ? {} : { rows: rowsMax },
    };
  }

  override decide(request: Request, text: Uint8Array): Verdict | Promise<Verdict> {
    const statements = request.protocol === "postgres" ? request.statements : [];
    if (statements.some(({ doubts }) => doubts.length > 0)) this.isLost = true;
    return super.decide(request, text);
  }

  /** Also by what it means: FETCH and EXECUTE say nothing but a name. */
  override isRefused(request: Request, text: string): boolean {
    const statements = request.protocol === "postgres" ? request.statements : [];
    const accesses = statements.flatMap((facts) => facts.accesses);
    return (
      super.isRefused(request, text) ||
      accesses.some(({ relation }) => relation !== undefined && this.refuses.includes(relation.name))
    );
  }

  override count(rows = 0): Refusal | undefined {
    this.#rows += rows;
    const { rowsMax } = this.policy;
    return rowsMax > 0 && this.#rows > rowsMax ? refusal("LIMIT_ROWS") : undefined;
  }

  override onChange(listener?: () => void): void {
    if (listener !== undefined) this.#listeners.push(listener);
  }
}
