/** Bind and Execute: the messages that run a text that was decided before. */
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import { BIND_HEAD_BYTES_MAX, type BindNames, readBindNames } from "#core/wire/postgres/bind.ts";
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import { readExecute } from "#core/wire/postgres/messages.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Verdict } from "../protocol.ts";
import type { Slot } from "./expected.ts";
import type { Frame, Intake } from "./intake.ts";
import { describePortal, FLUSH, MARKER_PARSE } from "./marker.ts";
import { hasMeaning } from "./meaning.ts";
import type { Portal, Statement } from "./names.ts";
import { takesEffect, tooManyNames } from "./requests.ts";
import { type FoundMask, maskOf } from "./results.ts";
import {
  elsewhere,
  isOutdated,
  portalOf,
  renewed,
  runsAnother,
  unknownPortal,
  unknownStatement,
} from "./statements.ts";
import { traitsOf } from "./traits.ts";

/** In the place of a message that is no Parse: fails, and leaves statements and portals alone. */
export function refuseInGroup(intake: Intake, why: Refusal): Slot {
  const slot = intake.core.expected.push("parse");
  slot.refusal = why;
  intake.core.parts.toUpstream.put(MARKER_PARSE);
  intake.groupOpen = true;
  intake.skipping = true;
  return slot;
}

export function bind(intake: Intake, { bytes, start, end }: Frame): void {
  if (intake.skipping) return;
  const names = readBindNames(bytes, start, end);
  if (names === undefined) throw new MalformedMessage("a Bind ends before its names");
  judgeBind(intake, { bytes, start, end }, names);
}

/** A Bind that arrives in pieces: its names are all that is waited for. */
export function bindPiece(intake: Intake, { bytes, start, end }: Frame, first: boolean): void {
  const piece = bytes.subarray(start, end);
  if (first) intake.streaming = intake.skipping ? "drop" : [];
  if (intake.streaming === "drop") return;
  if (intake.streaming === "pass") {
    intake.core.parts.toUpstream.put(piece);
    return;
  }
  intake.streaming.push(piece);
  const head = Buffer.concat(intake.streaming);
  const names = readBindNames(head, 0, head.length);
  if (names !== undefined) {
    intake.streaming = "pass";
    judgeBind(intake, { bytes: head, start: 0, end: head.length }, names);
  } else if (head.length > BIND_HEAD_BYTES_MAX) throw new MalformedMessage("a name is too long");
}

function judgeBind(intake: Intake, frame: Frame, names: BindNames): void {
  const { core } = intake;
  if (intake.skipping) {
    intake.streaming = "drop";
    return;
  }
  if (names.portal !== "" && !core.names.hasRoom) return refuseBind(intake, tooManyNames());
  const again = (): void => judgeBind(intake, frame, names);
  if (!isCertain(intake, "statement", names.statement, again)) return;
  const known = core.names.statement(names.statement);
  if (known?.request.statements.length === 0) return forwardBind(intake, frame, names, known);
  if (!hasMeaning(intake, again)) return;
  const statement = known ?? absentStatement(intake);
  // Nothing of that name can exist: the upstream says so in its own words.
  if (statement === undefined) return forwardBind(intake, frame, names, undefined);
  if (!isOutdated(core, statement)) return forwardBind(intake, frame, names, statement);
  // PostgreSQL plans it anew under what names mean now, so it is judged anew.
  const analysed = statement.text.length === 0 ? elsewhere() : core.analyse(statement.text);
  if (analysed instanceof Promise)
    return intake.await(analysed, (request) => decideBind(intake, frame, names, statement, request));
  decideBind(intake, frame, names, statement, analysed);
}

function refuseBind(intake: Intake, why: Refusal): void {
  if (intake.streaming === "pass") intake.streaming = "drop";
  refuseInGroup(intake, why);
}

/** True when it is known what the name stands for; else waits until the groups before this one have come to their end. */
// oxlint-disable-next-line max-params -- which name, and what to do when it is known
function isCertain(intake: Intake, of: "statement" | "portal", name: string, then: () => void): boolean {
  const { names } = intake.core;
  if (!names.isUncertain(of, name)) return true;
  intake.waitUntil(() => intake.skipping || !names.isUncertain(of, name), then);
  return false;
}

// oxlint-disable-next-line max-params -- the five are what a Bind under judgement is
function decideBind(
  intake: Intake,
  frame: Frame,
  names: BindNames,
  outdated: Statement,
  request: PostgresRequest,
): void {
  const { core } = intake;
  if (core.names.runsUncertain(request))
    return intake.waitUntil(
      () => intake.skipping || !core.names.runsUncertain(request),
      () => judgeBind(intake, frame, names),
    );
  const statement = renewed(core, outdated, request);
  core.names.renew(names.statement, outdated, statement);
  const finish = (verdict: Verdict): void => {
    if (intake.skipping) return;
    if (!verdict.pass) return refuseBind(intake, verdict.refusal);
    statement.unspent = verdict.request;
    forwardBind(intake, frame, names, statement);
  };
  statement.generation = core.generation;
  const verdict = core.parts.tap.decide(statement.request, statement.text);
  if (verdict instanceof Promise) intake.await(verdict, finish);
  else finish(verdict);
}

/** Unknown although something of that name may exist; undefined: nothing of that name exists. */
const absentStatement = ({ core }: Intake): Statement | undefined =>
  core.names.complete ? undefined : unknownStatement(core);

function forwardBind(intake: Intake, frame: Frame, names: BindNames, statement: Statement | undefined): void {
  const { core } = intake;
  const slot = core.expected.push("bind");
  core.isCommitted = false;
  intake.groupOpen = true;
  // Where the server knows such a statement all the same, code has left it behind, and nobody has judged it.
  const portal = statement === undefined ? unknownPortal(core, slot.serial) : portalOf(statement, false);
  slot.names = core.names.setPortal(names.portal, portal);
  slot.statement = statement;
  core.parts.toUpstream.pass(frame.bytes, frame.start, frame.end);
}

export function execute(intake: Intake, frame: Frame): void {
  if (intake.skipping) return;
  const { portal: name } = readExecute(frame.bytes, frame.start, frame.end);
  judgeExecute(intake, { bytes: frame.bytes, start: frame.start, end: frame.end }, name);
}

function judgeExecute(intake: Intake, frame: Frame, name: string): void {
  if (intake.skipping) return;
  const { core } = intake;
  if (!isCertain(intake, "portal", name, () => judgeExecute(intake, frame, name))) return;
  const portal = core.names.portal(name) ?? absentPortal(intake);
  if (portal === undefined) return lookForPortal(intake, frame, name);
  if (portal.boundBy >= 0 && !core.expected.isDone(portal.boundBy)) {
    intake.demandAnswers();
    return intake.waitUntil(
      () => intake.skipping || core.expected.isDone(portal.boundBy),
      () => judgeExecute(intake, frame, name),
    );
  }
  if (core.names.mayHaveStarted(portal))
    return intake.waitUntil(
      () => intake.skipping || !core.names.mayHaveStarted(portal),
      () => judgeExecute(intake, frame, name),
    );
  const { statement } = portal;
  if (portal.started) return runPortal(intake, frame, name, portal);
  if (runsAnother(core, statement)) return void refuseInGroup(intake, BOUND_TO_ANOTHER);
  if (
    statement.unspent >= 0 &&
    statement.generation === core.generation &&
    statement.request === portal.request
  ) {
    portal.recorded = statement.unspent;
    portal.generation = core.generation;
    statement.unspent = -1;
    return runPortal(intake, frame, name, portal);
  }
  decideExecute(intake, frame, name, portal);
}

/** No message has made it, but code may have: the server says whether there is one, or in its own words that there is none. */
function lookForPortal(intake: Intake, frame: Frame, name: string): void {
  const { core } = intake;
  const slot = core.expected.push("describe");
  slot.own = true;
  const { serial } = slot;
  intake.groupOpen = true;
  core.parts.toUpstream.put(Buffer.concat([describePortal(name), FLUSH]));
  intake.waitUntil(
    () => intake.skipping || core.expected.isDone(serial),
    () => {
      if (!intake.skipping) decideExecute(intake, frame, name, unknownPortal(core));
    },
  );
}

/** The server would describe it as what it was, and run what it has become. */
const BOUND_TO_ANOTHER = refusal(
  "DENY_UNANALYSED",
  "what it runs by its name has become something else since it was bound; bind it again",
);

/** Every execution is a request of its own: the first uses the record of its Parse, the next ones make theirs. */
function decideExecute(intake: Intake, frame: Frame, name: string, portal: Portal): void {
  const { core } = intake;
  const finish = (verdict: Verdict): void => {
    if (intake.skipping) return;
    if (!verdict.pass) return void refuseInGroup(intake, verdict.refusal);
    if (portal.request.statements[0]?.defines !== undefined && !core.names.hasRoom)
      return void refuseInGroup(intake, tooManyNames());
    portal.recorded = verdict.request;
    runPortal(intake, frame, name, portal);
  };
  portal.generation = core.generation;
  const verdict = core.parts.tap.decide(portal.request, portal.statement.text);
  if (verdict instanceof Promise) intake.await(verdict, finish);
  else finish(verdict);
}

const absentPortal = ({ core }: Intake): Portal | undefined =>
  core.names.complete ? undefined : unknownPortal(core);

/** Begun anew whenever it had to wait: what was decided and found before may not hold any more. */
function runPortal(intake: Intake, frame: Frame, name: string, portal: Portal): void {
  if (intake.skipping) return;
  const { core } = intake;
  const changed = core.refusedSince(portal.generation, portal.request);
  if (changed !== undefined) return refuseChanged(intake, portal, changed);
  portal.generation = core.generation;
  const { masks, parts } = core;
  if (masks.length === 0) return forwardExecute(intake, frame, portal, undefined);
  const { columns, version } = parts.catalog;
  const { statement } = portal;
  const [facts] = portal.request.statements;
  const copy = facts === undefined ? undefined : columns.copyOut(facts, masks);
  if (copy !== undefined) return void refuseInGroup(intake, copy);
  const isCurrent = statement.description !== undefined && statement.descriptionVersion === version;
  if (isCurrent) return maskPortal(intake, frame, name, portal);
  if (!statement.describing) describeFirst(intake, name, statement);
  if (facts !== undefined && !columns.mayRefuse(facts, masks))
    return forwardExecute(intake, frame, portal, undefined);
  // What it would return decides whether it may run at all.
  parts.toUpstream.put(FLUSH);
  intake.waitUntil(
    () => intake.skipping || !statement.describing,
    () => runPortal(intake, frame, name, portal),
  );
}

function describeFirst({ core }: Intake, name: string, statement: Statement): void {
  const slot = core.expected.push("describe");
  slot.own = true;
  slot.statement = statement;
  statement.describing = true;
  core.parts.toUpstream.put(describePortal(name));
}

function refuseChanged(intake: Intake, portal: Portal, why: Refusal): void {
  const slot = refuseInGroup(intake, why);
  if (portal.started) return;
  slot.request = portal.recorded;
  slot.ended = "cancelled";
}

function maskPortal(intake: Intake, frame: Frame, name: string, portal: Portal): void {
  const { core } = intake;
  const { description } = portal.statement;
  if (description === null || description === undefined)
    return forwardExecute(intake, frame, portal, { mask: undefined, masks: core.masks });
  const finish = (found: FoundMask | Refusal): void => {
    if (intake.skipping) return;
    if (isRefusal(found)) return void refuseInGroup(intake, found);
    if (portal.generation !== core.generation) return runPortal(intake, frame, name, portal);
    forwardExecute(intake, frame, portal, found);
  };
  const found = maskOf(core, description, portal.request.statements[0]);
  if (found instanceof Promise) intake.await(found, finish);
  else finish(found);
}

/** `found` is absent when the mask is still to be found, or none is needed. */
function forwardExecute(intake: Intake, frame: Frame, portal: Portal, found: FoundMask | undefined): void {
  const { core } = intake;
  const slot = core.expected.push("execute");
  core.isCommitted = false;
  intake.groupOpen = true;
  slot.request = portal.recorded;
  slot.facts = portal.request;
  slot.traits = traitsOf(portal.request, portal.statement.text);
  slot.statement = portal.statement;
  if (found !== undefined) {
    slot.mask = found.mask;
    slot.masked = true;
  }
  core.parts.toUpstream.pass(frame.bytes, frame.start, frame.end);
  if (!portal.started) {
    takesEffect(intake, slot, portal.request, slot.traits, portal.statement.text);
    slot.starts = portal;
    portal.started = true;
    portal.startingIn = core.names.group;
  }
  afterExecute(intake, slot);
}

function afterExecute(intake: Intake, slot: Slot): void {
  const { core } = intake;
  const { serial } = slot;
  if (slot.traits?.copiesIn === true) {
    // Whether a Sync that comes now is answered or read over depends on what the statement turns out to be.
    core.parts.toUpstream.put(FLUSH);
    intake.waitUntil(
      () => core.copyingIn || core.expected.isDone(serial),
      () => undefined,
    );
  } else if (core.hasResultLimits) intake.barrier = serial;
}
