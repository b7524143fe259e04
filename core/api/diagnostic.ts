/** One finding about a file, in the form a compiler would give it. */
export interface Diagnostic {
  readonly severity: "error" | "warning";
  /** Stable, for machines: `UNKNOWN_FIELD`, `WRONG_TYPE`, … */
  readonly code: string;
  readonly file: string;
  /** Both start at 1. */
  readonly line: number;
  readonly column: number;
  /** `spec.allow[0].postgres.tables[2]`; empty when the finding concerns the whole document. */
  readonly path: string;
  /** One sentence: what is wrong, what was expected, and the nearest valid name where there is one. */
  readonly message: string;
}
