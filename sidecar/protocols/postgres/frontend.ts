/** What becomes of each message of a client. */
import { readTarget } from "#core/wire/postgres/messages.ts";
import type { SessionCore } from "./core.ts";
import { bind, bindPiece, execute } from "./executions.ts";
import { functionCall } from "./function-call.ts";
import type { Frame, Handlers, Intake } from "./intake.ts";
import { COPY_FAIL } from "./marker.ts";
import { hasMeaning } from "./meaning.ts";
import type { Statement } from "./names.ts";
import { parse, query } from "./requests.ts";
import { isOutdated } from "./statements.ts";

const code = (letter: string): number => letter.charCodeAt(0);
const TYPE = {
  query: code("Q"),
  parse: code("P"),
  bind: code("B"),
  describe: code("D"),
  execute: code("E"),
  close: code("C"),
  flush: code("H"),
  sync: code("S"),
  terminate: code("X"),
  functionCall: code("F"),
  copyData: code("d"),
  copyDone: code("c"),
  copyFail: code("f"),
} as const;

export const frontend: Handlers = {
  frame(intake, type, frame) {
    if (mustWait(intake, type, frame)) return;
    if (intake.core.copyingIn) return duringCopy(intake, type, frame);
    outsideCopy(intake, type, frame);
  },
  piece(intake, type, frame, first, last) {
    if (type === TYPE.bind && !intake.core.copyingIn) bindPiece(intake, frame, first);
    else if (type === TYPE.copyData) copyPiece(intake, frame, first);
    intake.core.isInsideMessage = !last && intake.streaming === "pass";
    if (last) intake.streaming = "drop";
    intake.core.betweenMessages();
  },
};

/** A result that may yet be refused must have ended before anything but its Sync follows. */
function mustWait(intake: Intake, type: number, { bytes, start, end }: Frame): boolean {
  const { barrier, core } = intake;
  if (barrier < 0) return false;
  if (core.expected.isDone(barrier)) {
    intake.barrier = -1;
    return false;
  }
  if (type === TYPE.flush || type === TYPE.terminate) return false;
  // Behind a Query it is no part of it: what ends the transaction of one that is stopped could not stand before it.
  if (type === TYPE.sync && intake.groupOpen) return false;
  intake.demandAnswers();
  intake.waitUntil(
    () => core.expected.isDone(barrier),
    () => frontend.frame(intake, type, { bytes, start, end }),
  );
  return true;
}

function outsideCopy(intake: Intake, type: number, frame: Frame): void {
  switch (type) {
    case TYPE.query:
      return query(intake, frame);
    case TYPE.parse:
      return parse(intake, frame);
    case TYPE.bind:
      return bind(intake, frame);
    case TYPE.execute:
      return execute(intake, frame);
    case TYPE.describe:
      return describe(intake, frame);
    case TYPE.close:
      return close(intake, frame);
    case TYPE.sync:
      return sync(intake, frame);
    case TYPE.flush:
      return pass(intake, frame);
    case TYPE.terminate:
      intake.hasTerminated = true;
      return pass(intake, frame);
    case TYPE.functionCall:
      return functionCall(intake, frame);
    case TYPE.copyData:
    case TYPE.copyDone:
    case TYPE.copyFail:
      // Sent before the client heard that its COPY had failed: read over, as PostgreSQL does.
      return undefined;
    default:
      return intake.protocolError("a message that belongs into a startup");
  }
}

/** Sync and Flush have no meaning here (the upstream reads over them) and anything else ends the copy. */
function duringCopy(intake: Intake, type: number, frame: Frame): void {
  const { core } = intake;
  if (type === TYPE.sync && intake.copied === "data") intake.copied = "data, and a Sync";
  switch (type) {
    case TYPE.copyData:
      intake.copied = "data";
      return pass(intake, frame);
    case TYPE.copyDone:
    case TYPE.copyFail:
      intake.copied = "nothing";
      core.copyingIn = false;
      pass(intake, frame);
      return untilNextCopy(intake);
    case TYPE.sync:
    case TYPE.flush:
      return undefined;
    case TYPE.terminate:
      intake.hasTerminated = true;
      return pass(intake, frame);
    default:
      if (intake.copied === "data, and a Sync") return afterCopy(intake, type, frame);
      return intake.protocolError("a request in the middle of COPY FROM STDIN");
  }
}

/** Whoever sent this takes the copy for failed. If it has not, it fails by it, as it would without us. */
function afterCopy(intake: Intake, type: number, { bytes, start, end }: Frame): void {
  const { core } = intake;
  core.copyingIn = false;
  core.parts.toUpstream.put(COPY_FAIL);
  intake.waitUntil(
    () => intake.copied === "nothing",
    () => frontend.frame(intake, type, { bytes, start, end }),
  );
}

/** The string may hold another COPY, whose data a client may send as soon as that of this one has ended. */
function untilNextCopy(intake: Intake): void {
  const { core } = intake;
  const slot = core.expected.head;
  if (slot?.asked !== "query" || slot.facts === undefined || slot.facts.statements.length < 2) return;
  const { serial } = slot;
  intake.waitUntil(
    () => core.copyingIn || core.expected.isDone(serial),
    () => undefined,
  );
}

function pass({ core }: Intake, { bytes, start, end }: Frame): void {
  core.parts.toUpstream.pass(bytes, start, end);
}

function copyPiece(intake: Intake, frame: Frame, first: boolean): void {
  if (first) intake.streaming = intake.core.copyingIn ? "pass" : "drop";
  if (intake.streaming === "pass") intake.copied = "data";
  // The head has told a length: its rest must follow, or the stream is out of step.
  if (intake.streaming === "pass") pass(intake, frame);
}

function sync(intake: Intake, frame: Frame): void {
  intake.core.expected.push("sync");
  intake.endGroup();
  pass(intake, frame);
}

/**
 * True when a group may begin with this message. The search path is asked for before: within the group the question
 * would make a pipeline of it, in which VACUUM and its like are not allowed.
 */
function mayBegin(intake: Intake, { bytes, start, end }: Frame, then: typeof close): boolean {
  if (intake.groupOpen || intake.core.parts.path.isKnown) return true;
  return hasMeaning(intake, () => then(intake, { bytes, start, end }));
}

function describe(intake: Intake, frame: Frame): void {
  if (intake.skipping || !mayBegin(intake, frame, describe)) return;
  const { core } = intake;
  const target = readTarget(frame.bytes, frame.start, frame.end);
  if (target === undefined) return intake.protocolError("a Describe of neither a statement nor a portal");
  const slot = core.expected.push("describe");
  intake.groupOpen = true;
  const { kind, name } = target;
  slot.statement = kind === "S" ? describedStatement(core, name) : describedPortal(core, name);
  if (slot.statement !== undefined) slot.statement.describing = true;
  pass(intake, frame);
}

/** Nothing is learnt of a statement by a description that may be of another one, or of another meaning. */
function describedStatement(core: SessionCore, name: string): Statement | undefined {
  const statement = core.names.statement(name);
  if (statement === undefined || core.names.isUncertain("statement", name)) return undefined;
  return core.parts.path.isKnown && !isOutdated(core, statement) ? statement : undefined;
}

const describedPortal = ({ names }: SessionCore, name: string): Statement | undefined =>
  names.isUncertain("portal", name) ? undefined : names.portal(name)?.statement;

function close(intake: Intake, frame: Frame): void {
  if (intake.skipping || !mayBegin(intake, frame, close)) return;
  const { core } = intake;
  const target = readTarget(frame.bytes, frame.start, frame.end);
  if (target === undefined) return intake.protocolError("a Close of neither a statement nor a portal");
  const slot = core.expected.push("close");
  intake.groupOpen = true;
  slot.names =
    target.kind === "S"
      ? core.names.setStatement(target.name, undefined)
      : core.names.setPortal(target.name, undefined);
  pass(intake, frame);
}
