/** Statements as they are analysed, and again when their names may mean something else. */
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import type { NameChange, Names, Portal, Statement } from "./names.ts";
import { traitsOf } from "./traits.ts";

/** What a statement needs to know of its session. */
interface Moment {
  readonly epoch: number;
  readonly generation: number;
  readonly names: Names;
}

const NO_TEXT = Buffer.alloc(0);

/** A statement that was just analysed, before anything is decided of it. */
export function newStatement(
  core: Moment,
  text: Buffer,
  request: PostgresRequest,
  byText = false,
): Statement {
  return {
    request,
    traits: traitsOf(request, text),
    text,
    byText,
    ran: ranBy(core, request),
    epoch: core.epoch,
    generation: core.generation,
    unspent: -1,
    description: undefined,
    descriptionVersion: -1,
    describing: false,
    held: 0,
  };
}

/** It was analysed again: whatever was decided, or described, of it before was of something else. */
export function renewed(core: Moment, { text, byText }: Statement, request: PostgresRequest): Statement {
  return newStatement(core, text, byText ? whatRuns(request) : request, byText);
}

/** Whether it means something else now than when it was analysed. */
export const isOutdated = (core: Moment, statement: Statement): boolean =>
  statement.epoch !== core.epoch || runsAnother(core, statement);

/** Whether the name that it runs stands for something else by now. */
export const runsAnother = (core: Moment, { request, ran }: Statement): boolean =>
  ran !== ranBy(core, request);

function ranBy({ names }: Moment, { statements }: PostgresRequest): StatementFacts | undefined {
  const runs = statements[0]?.runs;
  return runs === undefined ? undefined : names.standsFor(runs);
}

/** A statement of which only that is known. */
export const elsewhere = (): PostgresRequest => ({ protocol: "postgres", statements: [ELSEWHERE] });

const ELSEWHERE: StatementFacts = {
  class: "unknown",
  accesses: [],
  calls: [],
  doubts: [{ code: "PREPARED_ELSEWHERE", text: "runs a statement that this session did not define before" }],
  columns: [],
  literalOffsetsBytes: [],
  startByte: 0,
  lengthBytes: 0,
};

export const unknownStatement = (core: Moment): Statement => newStatement(core, NO_TEXT, elsewhere());

/** `boundBy`: what binds it, if the server knows the statement. */
export function unknownPortal(core: Moment, boundBy = -1): Portal {
  return { ...portalOf(unknownStatement(core), false), boundBy };
}

/** `isHeld`: it outlives its transaction. */
export function portalOf(statement: Statement, isHeld: boolean): Portal {
  const { request } = statement;
  return {
    statement,
    request,
    started: false,
    startingIn: -1,
    generation: -1,
    recorded: -1,
    isHeld,
    boundBy: -1,
  };
}

/** Remembers what a text prepares, declares and drops. */
export function define(
  core: Moment,
  { statements }: PostgresRequest,
  text: Buffer,
): NameChange[] | undefined {
  const changes = statements.flatMap((facts) => {
    const { drops } = facts;
    if (drops?.kind === "prepared") return core.names.setStatement(drops.name, undefined);
    if (drops?.kind === "cursor") return core.names.setPortal(drops.name, undefined);
    if (facts.defines === undefined) return [];
    const { kind, name, holds } = facts.defines;
    // Its own part of the text, and a copy: the text goes with its message.
    const own = Buffer.from(text.subarray(facts.startByte, facts.startByte + facts.lengthBytes));
    const statement = newStatement(core, own, whatRuns({ protocol: "postgres", statements: [facts] }), true);
    return kind === "prepared"
      ? core.names.setStatement(name, statement)
      : core.names.setPortal(name, portalOf(statement, holds === true));
  });
  return changes.length === 0 ? undefined : changes;
}

/**
 * A text that defines something has failed. One of several statements may have done so all the same: what PREPARE and
 * a cursor WITH HOLD make does not go with the rest. Then nobody knows what the names stand for.
 */
export function failedToDefine(
  core: Moment,
  changes: readonly NameChange[],
  { statements }: PostgresRequest,
): void {
  if (statements.length === 1) for (const change of changes.toReversed()) core.names.undo(change);
  else
    for (const changed of changes) {
      if (changed.of === "statement") changed.change.value = unknownStatement(core);
      else changed.change.value = { ...unknownPortal(core), isHeld: true };
      core.names.keep(changed);
    }
}

/** Of a statement that defines: what is run by the name that it gives. */
function whatRuns(request: PostgresRequest): PostgresRequest {
  return { ...request, statements: request.statements.map(withoutDefinition) };
}

function withoutDefinition(facts: StatementFacts): StatementFacts {
  const { defines: _, ...others } = facts;
  return others;
}
