/** What the engine must know of an analysed request to keep the session's state true. Found once for each request. */
import type { PostgresRequest, StatementFacts, StatementVerb } from "#core/statements/postgres/facts.ts";
import { mentionsPath } from "#core/statements/postgres/path-words.ts";

export interface Traits {
  /** It makes prepared statements or cursors. */
  readonly defines: boolean;
  /** It makes or drops some. */
  readonly changesNames: boolean;
  /** Afterwards the search path may be another. */
  readonly movesPath: boolean;
  /** It may undo what the transaction did to the search path. */
  readonly endsTransaction: boolean;
  /** Code that nobody read may have run: what this session prepared may be gone or replaced. */
  readonly runsUnknown: boolean;
  readonly changesCatalog: boolean;
  readonly copiesIn: boolean;
  readonly copiesOut: boolean;
  /** Something stays when it is committed. */
  readonly writes: boolean;
  readonly statements: number;
}

const WRITES: ReadonlySet<StatementVerb> = new Set([
  "insert",
  "update",
  "delete",
  "truncate",
  "copyIn",
  "ddl",
  "dcl",
  "maintenance",
  "admin",
  "notify",
]);
const KEEPS_PATH: ReadonlySet<string> = new Set([
  "read",
  "insert",
  "update",
  "delete",
  "merge",
  "truncate",
  "copyIn",
  "copyOut",
  "lock",
  "transaction",
  "notify",
]);

const known = new WeakMap<PostgresRequest, Traits>();

export function traitsOf(request: PostgresRequest, text: Buffer): Traits {
  const found = known.get(request);
  if (found !== undefined) return found;
  const traits = read(request, text);
  known.set(request, traits);
  return traits;
}

function read({ statements }: PostgresRequest, text: Buffer): Traits {
  const has = (test: (facts: StatementFacts) => boolean): boolean => statements.some(test);
  const does = (verbs: (verb: StatementVerb) => boolean): boolean =>
    has(({ accesses }) => accesses.some(({ verb }) => verbs(verb)));
  const runsUnknown = has(({ doubts, class: kind }) => doubts.length > 0 || kind === "unknown");
  const callsOwn = has(({ calls }) => calls.length > 0);
  return {
    defines: has(({ defines }) => defines !== undefined),
    changesNames: has(({ defines, drops }) => defines !== undefined || drops !== undefined),
    movesPath:
      runsUnknown ||
      callsOwn ||
      has(({ class: kind }) => !KEEPS_PATH.has(kind)) ||
      mentionsPath(text.toString("latin1")),
    endsTransaction: has(({ class: kind }) => kind === "transaction"),
    runsUnknown,
    changesCatalog: runsUnknown || callsOwn || does((verb) => verb === "ddl" || verb === "dcl"),
    copiesIn: runsUnknown || does((verb) => verb === "copyIn"),
    copiesOut: does((verb) => verb === "copyOut"),
    writes: runsUnknown || callsOwn || does((verb) => WRITES.has(verb)),
    statements: statements.length,
  };
}
