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
  /** No more errors are listed; what they would say need not be worked out. */
  readonly full: boolean;
  readonly errors: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** What these say about a whole does not put its parts in doubt. */
const PARTS_STAND = new Set(["RULE", "MISSING_FIELD", "DUPLICATE_OBJECT"]);

export function collectFindings(file: string, positionOf: (offset: number) => Position): Findings {
  const diagnostics: Diagnostic[] = [];
  const doubtful = new Set<string>();
  const counts: Record<Severity, number> = { error: 0, warning: 0 };
  return {
    add({ code, start, path, message, severity = "error" }) {
      if (severity === "error") {
        const text = path.slice(0, 2).join("\u0000");
        doubtful.add(path.length < 2 && PARTS_STAND.has(code) ? `${text}\u0000` : text);
      }
      counts[severity] += 1;
      if (counts[severity] <= DOCUMENT_FINDINGS_MAX) {
        diagnostics.push({ severity, code, file, ...positionOf(start), path: pathText(path), message });
      } else if (counts[severity] === DOCUMENT_FINDINGS_MAX + 1) {
        const rest = `more than ${DOCUMENT_FINDINGS_MAX} ${severity}s in this document; the rest is not listed`;
        diagnostics.push({
          severity,
          code: "TOO_MANY_FINDINGS",
          file,
          ...positionOf(start),
          path: "",
          message: rest,
        });
      }
    },
    doubts(path) {
      const [first, second] = path;
      if (doubtful.has("") || (first !== undefined && doubtful.has(String(first)))) return true;
      return second !== undefined && doubtful.has(`${first}\u0000${second}`);
    },
    get full() {
      return counts.error > DOCUMENT_FINDINGS_MAX;
    },
    get errors() {
      return counts.error;
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
    let column = 1;
    for (let at = starts[low] ?? 0; at < offset; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit < 0xdc00 || unit > 0xdfff) column += 1;
    }
    return { line: low + 1, column };
  };
}
