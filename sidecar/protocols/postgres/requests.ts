/** Query and Parse: the messages that bring a text. Nothing of one is forwarded before it was analysed and decided. */
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import { HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import { objectName } from "#core/wire/postgres/object-name.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { Verdict } from "../protocol.ts";
import type { Slot } from "./expected.ts";
import { foresight, foretell } from "./foresight.ts";
import type { Frame, Intake } from "./intake.ts";
import { MARKER_QUERY, markerParse } from "./marker.ts";
import { hasMeaning, hasPath, isEmpty } from "./meaning.ts";
import { NAMES_BYTES_MAX, NAMES_MAX, type Statement } from "./names.ts";
import { define, newStatement } from "./statements.ts";
import { type Traits, traitsOf } from "./traits.ts";

export function query(intake: Intake, { bytes, start, end }: Frame): void {
  if (intake.skipping) return;
  const text = textOf(bytes, start + HEADER_BYTES, end);
  // Taken now: the frame is another one by the time a promise is kept.
  const frame = { bytes, start, end };
  judgeQuery(intake, frame, text);
}

function judgeQuery(intake: Intake, frame: Frame, text: Buffer): void {
  if (intake.skipping) return;
  if (!isEmpty(text) && !hasMeaning(intake, () => judgeQuery(intake, frame, text))) return;
  const analysed = intake.core.analyse(text);
  if (analysed instanceof Promise)
    return intake.await(analysed, (request) => decideQuery(intake, frame, text, request));
  decideQuery(intake, frame, text, analysed);
}

function decideQuery(intake: Intake, frame: Frame, text: Buffer, request: PostgresRequest): void {
  const { names } = intake.core;
  if (names.runsUncertain(request))
    return intake.waitUntil(
      () => intake.skipping || !names.runsUncertain(request),
      () => judgeQuery(intake, frame, text),
    );
  const { generation } = intake.core;
  const verdict = intake.core.parts.tap.decide(request, text);
  const asked = { text, request, traits: traitsOf(request, text), generation };
  if (verdict instanceof Promise)
    return intake.await(verdict, (value) => finishQuery(intake, frame, asked, value));
  finishQuery(intake, frame, asked, verdict);
}

/** A Query that was decided. */
interface Asked {
  readonly text: Buffer;
  readonly request: PostgresRequest;
  readonly traits: Traits;
  /** Of the policy that it was decided by. */
  readonly generation: number;
}

function finishQuery(intake: Intake, frame: Frame, asked: Asked, verdict: Verdict): void {
  if (intake.skipping) return;
  const { core } = intake;
  const { request, traits } = asked;
  if (!verdict.pass) return void refuseQuery(intake, verdict.refusal, -1);
  const changed = core.refusedSince(asked.generation, request);
  if (changed !== undefined) {
    refuseQuery(intake, changed, verdict.request).ended = "cancelled";
    return;
  }
  if (traits.defines && !core.names.hasRoom) return void refuseQuery(intake, tooManyNames(), verdict.request);
  const needs = core.masks.length === 0 ? "nothing" : foresight(core, request, traits, frame);
  if (typeof needs === "object") return void refuseQuery(intake, needs, verdict.request);
  if (needs === "nothing") return forwardQuery(intake, frame, asked, verdict.request);
  const { generation } = core;
  foretell(intake, frame, request, (answer) => {
    if (core.generation !== generation && answer !== "failed")
      finishQuery(intake, frame, { ...asked, generation }, verdict);
    else if (answer === undefined) forwardQuery(intake, frame, asked, verdict.request);
    else if (answer === "failed")
      intake.core.parts.tap.result(verdict.request, { ended: "error", rows: 0, bytes: 0, maskedValues: 0 });
    else refuseQuery(intake, answer, verdict.request);
  });
}

function refuseQuery(intake: Intake, why: Refusal, request: number): Slot {
  const { core } = intake;
  const slot = core.expected.push("query");
  slot.names = core.names.dropUnnamed();
  core.names.nextGroup();
  slot.refusal = why;
  slot.request = request;
  // A Query is answered with ReadyForQuery, and nothing is kept back after it.
  intake.groupOpen = false;
  intake.core.parts.toUpstream.put(MARKER_QUERY);
  return slot;
}

function forwardQuery(intake: Intake, frame: Frame, asked: Asked, number: number): void {
  const { text, request, traits } = asked;
  const { core } = intake;
  const slot = core.expected.push("query");
  slot.names = core.names.dropUnnamed();
  slot.request = number;
  slot.facts = request;
  slot.traits = traits;
  core.parts.toUpstream.pass(frame.bytes, frame.start, frame.end);
  takesEffect(intake, slot, request, traits, text);
  core.names.nextGroup();
  intake.groupOpen = false;
  intake.mayRevive = false;
  if (traits.copiesIn) {
    const { serial } = slot;
    intake.waitUntil(() => core.copyingIn || core.expected.isDone(serial), nothing);
  } else if (core.hasResultLimits || mayStop(intake, request)) intake.barrier = slot.serial;
}

/** What is stopped at its description is cancelled, and the cancel must not hit what was sent after it. */
function mayStop({ core }: Intake, { statements }: PostgresRequest): boolean {
  const { masks, parts } = core;
  return masks.length > 0 && statements.some((facts) => parts.catalog.columns.mayRefuse(facts, masks));
}

const nothing = (): void => undefined;

/** What the session must know of a text that is now on its way. */
// oxlint-disable-next-line max-params -- the five are what was forwarded
export function takesEffect(
  intake: Intake,
  slot: Slot,
  request: PostgresRequest,
  traits: Traits,
  text: Buffer,
): void {
  const { core } = intake;
  if (traits.endsTransaction) intake.mayRevive = true;
  const undoes = traits.endsTransaction && core.parts.path.mayMoveBack;
  if (traits.movesPath || traits.changesCatalog || undoes) core.moves(slot);
  if (traits.runsUnknown) core.names.forgetEverything();
  if (traits.changesNames) slot.defines = define(core, request, text);
}

export function parse(intake: Intake, { bytes, start, end }: Frame): void {
  if (intake.skipping) return;
  const nameEnd = bytes.indexOf(0, start + HEADER_BYTES);
  if (nameEnd < 0 || nameEnd >= end) throw new MalformedMessage("a name does not end");
  const name = objectName(bytes, start + HEADER_BYTES, nameEnd);
  const textEnd = bytes.indexOf(0, nameEnd + 1);
  // Behind the text stand a count and that many types.
  if (textEnd < 0 || textEnd + 3 > end || textEnd + 3 + bytes.readUInt16BE(textEnd + 1) * 4 !== end)
    throw new MalformedMessage("a Parse has not the length that it says");
  const text = bytes.subarray(nameEnd + 1, textEnd);
  judgeParse(intake, { bytes, start, end }, name, name === "" ? text : Buffer.from(text));
}

function judgeParse(intake: Intake, frame: Frame, name: string, text: Buffer): void {
  if (intake.skipping) return;
  // A name has to wait: what is under way may be about to forget all names, and not this one.
  // So does one that opens a group while the path is unknown: asked for within the group, it would make a pipeline of it.
  const needsNothing = name === "" && isEmpty(text) && intake.core.parts.path.isKnown;
  const isReady = isEmpty(text) ? hasPath : hasMeaning;
  if (!needsNothing && !isReady(intake, () => judgeParse(intake, frame, name, text))) return;
  const analysed = intake.core.analyse(text);
  if (analysed instanceof Promise)
    return intake.await(analysed, (request) =>
      decideParse(intake, frame, name, newStatement(intake.core, text, request)),
    );
  decideParse(intake, frame, name, newStatement(intake.core, text, analysed));
}

function decideParse(intake: Intake, frame: Frame, name: string, statement: Statement): void {
  const { names } = intake.core;
  if (names.runsUncertain(statement.request))
    return intake.waitUntil(
      () => intake.skipping || !names.runsUncertain(statement.request),
      () => judgeParse(intake, frame, name, statement.text),
    );
  const { generation } = intake.core;
  const verdict = intake.core.parts.tap.decide(statement.request, statement.text);
  statement.generation = generation;
  if (verdict instanceof Promise)
    return intake.await(verdict, (value) => finishParse(intake, frame, name, statement, value));
  finishParse(intake, frame, name, statement, verdict);
}

// oxlint-disable-next-line max-params -- the five are what a decided Parse is
function finishParse(
  intake: Intake,
  frame: Frame,
  name: string,
  statement: Statement,
  verdict: Verdict,
): void {
  const { core } = intake;
  if (intake.skipping) return;
  const slot = core.expected.push("parse");
  intake.groupOpen = true;
  const room = name === "" || core.names.hasRoom;
  const changed = core.refusedSince(statement.generation, statement.request);
  if (verdict.pass && room && changed === undefined) {
    statement.unspent = verdict.request;
    slot.names = core.names.setStatement(name, statement);
    slot.statement = statement;
    core.parts.toUpstream.pass(frame.bytes, frame.start, frame.end);
    return;
  }
  slot.refusal = verdict.pass ? (changed ?? tooManyNames()) : verdict.refusal;
  if (verdict.pass && changed !== undefined) {
    slot.request = verdict.request;
    slot.ended = "cancelled";
  }
  // The marker that stands in its place ends the unnamed statement, as it would have itself.
  if (name === "") slot.names = core.names.dropUnnamed();
  core.parts.toUpstream.put(markerParse(name));
  intake.skipping = true;
}

export function tooManyNames(): Refusal {
  const mib = NAMES_BYTES_MAX / 1024 / 1024;
  return refusal(
    "LIMIT_GATEWAY",
    `the session has as many statements and cursors as the gateway keeps (${NAMES_MAX}, and ${mib} MiB of them)`,
  );
}

/** A zero-terminated text that fills its message. */
function textOf(bytes: Buffer, start: number, end: number): Buffer {
  if (bytes.indexOf(0, start) !== end - 1)
    throw new MalformedMessage("a text has not the length that its message says");
  return bytes.subarray(start, end - 1);
}
