/** Collects what is wrong with one document, and remembers which parts of it cannot be relied on. */
import type { Diagnostic } from "./diagnostic.ts";
import { DOCUMENT_FINDINGS_MAX } from "./limits.ts";
import { type Path, pathText } from "./located.ts";

export type Severity = Diagnostic["severity"];

export interface Finding {
  readonly code: string;
  readonly start: number;
  readonly path: Path;
  readonly message: string;
  readonly severity?: Severity;
}

export interface Findings {
  add(finding: Finding): void;
  /** True when an error stands at this path, below it, or at a path above it in a way that puts it in doubt. */
  doubts(path: Path): boolean;
  readonly errors: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** What these say about a whole does not put its parts in doubt. */
const PARTS_STAND = new Set(["RULE", "MISSING_FIELD", "DUPLICATE_OBJECT"]);

export function collectFindings(file: string, positionOf: (offset: number) => Position): Findings {
  const diagnostics: Diagnostic[] = [];
  const at = new Set<string>();
  let errors = 0;
  return {
    add({ code, start, path, message, severity = "error" }) {
      if (severity === "error") {
        errors += 1;
        const text = path.slice(0, 2).join("\u0000");
        at.add(path.length < 2 && PARTS_STAND.has(code) ? `${text}\u0000` : text);
      }
      if (diagnostics.length > DOCUMENT_FINDINGS_MAX) return;
      if (diagnostics.length === DOCUMENT_FINDINGS_MAX) {
        const rest = `more than ${DOCUMENT_FINDINGS_MAX} findings; the rest is not listed`;
        diagnostics.push({
          severity: "error",
          code: "TOO_MANY_FINDINGS",
          file,
          ...positionOf(start),
          path: "",
          message: rest,
        });
        return;
      }
      diagnostics.push({ severity, code, file, ...positionOf(start), path: pathText(path), message });
    },
    doubts(path) {
      const [first, second] = path;
      if (at.has("") || (first !== undefined && at.has(String(first)))) return true;
      return second !== undefined && at.has(`${first}\u0000${second}`);
    },
    get errors() {
      return errors;
    },
    diagnostics,
  };
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Lines as YAML counts them; columns in characters, not in UTF-16 units. */
export function positions(text: string): (offset: number) => Position {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|\r|\n/g)) starts.push(match.index + match[0].length);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: Array.from(text.slice(starts[low], offset)).length + 1 };
  };
}
