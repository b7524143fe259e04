/**
 * A simple Query is carried out before anybody is told what its result looks like. One that only reads can be stopped
 * at its description; one that changes data must be known to show nothing masked before it runs.
 */
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import { cstring, message } from "#core/wire/postgres/fields.ts";
import { HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import { parseMessage } from "#core/wire/postgres/messages.ts";
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import type { SessionCore } from "./core.ts";
import type { Frame, Intake } from "./intake.ts";
import { FLUSH, OWN_NAME, SYNC } from "./marker.ts";
import type { Statement } from "./names.ts";
import { maskOf } from "./results.ts";
import { newStatement } from "./statements.ts";
import type { Traits } from "./traits.ts";

/** What must happen before a Query that policy allows may run while there are masks. */
export function foresight(
  core: SessionCore,
  { statements }: PostgresRequest,
  traits: Traits,
  { bytes, start, end }: Frame,
): "nothing" | "foretelling" | Refusal {
  const { masks, parts } = core;
  const { columns } = parts.catalog;
  for (const facts of statements) {
    const copy = columns.copyOut(facts, masks);
    if (copy !== undefined) return copy;
  }
  if (!traits.writes) return "nothing";
  const returns = /returning/i.test(bytes.toString("latin1", start + HEADER_BYTES, end));
  const mayShow = (facts: StatementFacts): boolean =>
    columns.mayRefuse(facts, masks) && (returns || !isPlainWrite(facts));
  if (!statements.some(mayShow)) return "nothing";
  if (statements.length === 1) return "foretelling";
  return refusal(
    "MASK_UNRESOLVED",
    "a masked column could show in one of several statements that change data; send them one at a time",
  );
}

/** Without RETURNING such a statement has no result. */
const isPlainWrite = ({ class: kind, explains }: StatementFacts): boolean =>
  explains !== true && ["insert", "update", "delete", "truncate", "copyIn", "ddl", "dcl"].includes(kind);

/**
 * Has the upstream describe the statement first. `undefined`: it may run. `failed`: the upstream cannot even parse it,
 * which it has told the client, as it would have told it of the Query.
 */
export function foretell(
  intake: Intake,
  frame: Frame,
  request: PostgresRequest,
  then: (answer: Refusal | "failed" | undefined) => void,
): void {
  const { core } = intake;
  // Everything before must be over, so that the state of the transaction is known.
  intake.demandAnswers();
  intake.waitUntil(
    () => core.expected.length === 0,
    () => {
      if (intake.skipping) return then("failed");
      if (core.status === "E") return then(undefined);
      const text = frame.bytes.subarray(frame.start + HEADER_BYTES, frame.end - 1);
      const statement = newStatement(core, text, request);
      ask(intake, text, statement);
      intake.waitUntil(
        () => core.expected.length === 0,
        () => judge(intake, statement, then),
      );
    },
  );
}

/**
 * Within a group that a Sync has not ended the question must not end it either. The unnamed statement goes first, as it does by
 * whatever Query.
 */
function ask({ core, groupOpen }: Intake, text: Buffer, statement: Statement): void {
  const { expected, parts } = core;
  const drop = message("C", Buffer.from("S"), cstring(""));
  const close = message("C", Buffer.from("S"), cstring(OWN_NAME));
  const describe = message("D", Buffer.from("S"), cstring(OWN_NAME));
  const end = groupOpen ? FLUSH : SYNC;
  parts.toUpstream.put(Buffer.concat([drop, parseMessage(OWN_NAME, text), describe, close, end]));
  const dropped = expected.push("close");
  dropped.own = true;
  dropped.names = core.names.dropUnnamed();
  expected.push("parse").own = true;
  const described = expected.push("describe");
  described.own = true;
  described.statement = statement;
  expected.push("close").own = true;
  if (groupOpen) return;
  const sync = expected.push("sync");
  sync.own = true;
  sync.standsIn = true;
}

function judge(
  intake: Intake,
  statement: Statement,
  then: (answer: Refusal | "failed" | undefined) => void,
): void {
  const { core } = intake;
  const { description } = statement;
  if (description === undefined) {
    // After its error a Query would have been answered with ReadyForQuery, whatever group it stood in.
    if (intake.skipping) endGroup(intake);
    return then("failed");
  }
  if (description === null) return then(undefined);
  const found = maskOf(core, description, statement.request.statements[0]);
  const finish = (mask: Awaited<typeof found>): void => then(isRefusal(mask) ? mask : undefined);
  if (found instanceof Promise) intake.await(found, finish);
  else finish(found);
}

function endGroup(intake: Intake): void {
  const sync = intake.core.expected.push("sync");
  sync.own = true;
  sync.passesReady = true;
  intake.core.names.nextGroup();
  intake.core.parts.toUpstream.put(SYNC);
  intake.skipping = false;
  intake.groupOpen = false;
  intake.mayRevive = false;
}
