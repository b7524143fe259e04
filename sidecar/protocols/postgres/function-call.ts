/**
 * FunctionCall: a call by number, which large objects of libpq and pgjdbc are made of. No analysis can name what it runs, so it passes
 * only where policy reads nothing, and where no mask or limit has to be held in its result.
 */
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import type { Verdict } from "../protocol.ts";
import type { Frame, Intake } from "./intake.ts";
import { MARKER_PARSE, SYNC } from "./marker.ts";
import { takesEffect } from "./requests.ts";
import { traitsOf } from "./traits.ts";

const NOT_CARRIED = refusal(
  "NOT_SUPPORTED",
  "function calls by number are not carried; call the function in SQL",
);

const CALL: StatementFacts = {
  class: "unknown",
  accesses: [],
  calls: [],
  doubts: [{ code: "DYNAMIC_CODE", text: "calls a function by its number" }],
  columns: [],
  literalOffsetsBytes: [],
  startByte: 0,
  lengthBytes: 0,
};

export function functionCall(intake: Intake, { bytes, start, end }: Frame): void {
  const { core } = intake;
  if (intake.skipping) return;
  const frame = { bytes, start, end };
  if (intake.groupOpen) {
    // Behind an error it is read over like the rest of its group, and then it has no answer.
    intake.demandAnswers();
    intake.groupOpen = false;
    return intake.waitUntil(
      () => intake.skipping || core.expected.length === 0,
      () => functionCall(intake, frame),
    );
  }
  if (end - start < HEADER_BYTES + 4) throw new MalformedMessage("a FunctionCall ends before its number");
  if (core.masks.length > 0 || core.hasResultLimits) return refuse(intake, NOT_CARRIED);
  const text = Buffer.from(`FunctionCall ${bytes.readUInt32BE(start + HEADER_BYTES)}`);
  const request: PostgresRequest = { protocol: "postgres", statements: [CALL] };
  const finish = (verdict: Verdict): void => {
    if (intake.skipping) return;
    // What it may not do it may do in SQL, perhaps: that is what the client has to know.
    if (!verdict.pass) return refuse(intake, NOT_CARRIED);
    const slot = core.expected.push("query");
    slot.request = verdict.request;
    slot.facts = request;
    slot.traits = traitsOf(request, text);
    core.parts.toUpstream.pass(bytes, start, end);
    takesEffect(intake, slot, request, slot.traits, text);
    core.names.nextGroup();
    intake.mayRevive = false;
  };
  const verdict = core.parts.tap.decide(request, text);
  if (verdict instanceof Promise) intake.await(verdict, finish);
  else finish(verdict);
}

/** Answered as it would be: an error, then ReadyForQuery. */
function refuse(intake: Intake, why: Refusal): void {
  const { core } = intake;
  intake.mayRevive = false;
  const slot = core.expected.push("parse");
  slot.refusal = why;
  core.expected.push("sync");
  core.names.nextGroup();
  core.parts.toUpstream.put(MARKER_PARSE);
  core.parts.toUpstream.put(SYNC);
}
