/** What becomes of each message of the upstream, rows aside. */
import {
  readCommandTag,
  readNoticeOrError,
  readParameterStatus,
  type TransactionStatus,
} from "#core/wire/postgres/messages.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { Backend } from "./backend.ts";
import type { SessionCore } from "./core.ts";
import type { Slot } from "./expected.ts";
import type { Frame } from "./intake.ts";
import { MARKER_PARSE, MARKER_QUERY, MARKER_SQLSTATE } from "./marker.ts";
import { filterNotice, type Quoting } from "./notices.ts";
import { refusalError } from "./refusals.ts";

type Answer = (backend: Backend, frame: Frame) => void;

const simple =
  (asked: Slot["asked"], done: (core: SessionCore, slot: Slot) => void): Answer =>
  (backend, frame) => {
    const { core } = backend;
    const slot = core.expected.head;
    if (slot?.asked !== asked || slot.refusal !== undefined)
      return core.breach(`an answer to a ${asked} that was not asked for`);
    if (!slot.own) core.parts.toClient.pass(frame.bytes, frame.start, frame.end);
    done(core, slot);
    core.keep(slot);
    finish(backend, slot);
  };

const ANSWERS: Readonly<Record<string, Answer>> = {
  "1": simple("parse", () => undefined),
  "2": simple("bind", () => undefined),
  "3": simple("close", () => undefined),
  t: (backend, frame) => {
    if (backend.core.expected.head?.asked !== "describe")
      return backend.core.breach("parameters that nobody asked for");
    pass(backend, frame);
  },
  T: rowDescription,
  n: simple("describe", (core, slot) => described(core, slot, null)),
  C: statementEnd,
  I: statementEnd,
  s: statementEnd,
  V: callEnd,
  E: error,
  N: notice,
  Z: ready,
  A: (backend, frame) => toClient(backend, frame),
  S: parameter,
  G: copyIn,
  H: (backend, frame) => {
    const slot = resultOwner(backend);
    if (slot !== undefined && slot.stop === undefined) toClient(backend, frame);
  },
  c: (backend, frame) => {
    const slot = resultOwner(backend);
    if (slot !== undefined && slot.stop === undefined) toClient(backend, frame);
  },
};

const BY_TYPE: readonly (Answer | undefined)[] = Array.from(
  { length: 128 },
  (_, type) => ANSWERS[String.fromCharCode(type)],
);

export function answer(backend: Backend, type: number, frame: Frame): void {
  const handle = BY_TYPE[type];
  if (handle === undefined)
    backend.core.breach(`a message of type ${String.fromCharCode(type)} has no place here`);
  else handle(backend, frame);
}

function toClient({ core }: Backend, { bytes, start, end }: Frame): void {
  core.parts.toClient.pass(bytes, start, end);
}

/** To the client, unless the head asked for it on our behalf. */
function pass(backend: Backend, frame: Frame): void {
  if (backend.core.expected.head?.own !== true) toClient(backend, frame);
}

/** The head was answered to its end. */
function finish(backend: Backend, slot: Slot): void {
  const { core } = backend;
  core.settled(slot);
  core.expected.pop();
  const next = core.expected.head;
  if (next?.stop !== undefined) core.stopHead();
}

function described(core: SessionCore, slot: Slot, description: Buffer | null): void {
  const { statement } = slot;
  if (statement === undefined) return;
  statement.describing = false;
  core.names.describe(statement, description);
  statement.descriptionVersion = core.parts.catalog.version;
}

function rowDescription(backend: Backend, frame: Frame): void {
  const { core } = backend;
  const slot = core.expected.head;
  const { bytes, start, end } = frame;
  if (slot?.asked === "describe") {
    // Kept for as long as the statement, so it must not hold the whole chunk it came in.
    described(core, slot, Buffer.from(bytes.subarray(start, end)));
    pass(backend, frame);
    finish(backend, slot);
    return;
  }
  if (slot?.asked !== "query") return core.breach("a description that nobody asked for");
  if (slot.stop !== undefined || slot.own) return;
  slot.description = bytes.subarray(start, end);
  slot.mask = undefined;
  slot.masked = false;
  toClient(backend, frame);
}

function resultOwner({ core }: Backend): Slot | undefined {
  const slot = core.expected.head;
  if ((slot?.asked === "query" || slot?.asked === "execute") && slot.refusal === undefined) return slot;
  core.breach("a result that nobody asked for");
  return undefined;
}

function copyIn(backend: Backend, frame: Frame): void {
  const { core } = backend;
  const slot = resultOwner(backend);
  if (slot === undefined) return;
  if (slot.traits?.copiesIn !== true) return core.breach("it wants data that nobody offered");
  core.copyingIn = true;
  backend.intake.copied = "nothing";
  if (slot.stop === undefined) toClient(backend, frame);
  else core.stopHead();
}

/** CommandComplete, EmptyQueryResponse, PortalSuspended. */
function statementEnd(backend: Backend, frame: Frame): void {
  const { core } = backend;
  const slot = resultOwner(backend);
  if (slot === undefined) return;
  slot.completed += 1;
  if (slot.own) {
    if (slot.asked === "execute") finish(backend, slot);
    return;
  }
  if (slot.stop === undefined) toClient(backend, frame);
  else stoppedTooLate(backend, slot);
  if (frame.bytes[frame.start] === 0x43) forget(core, slot, frame);
  if (slot.asked === "query") {
    slot.description = undefined;
    return;
  }
  core.isCommitted = slot.moves && isCommit(frame) && isFollowedByNothing(core);
  result(core, slot, undefined);
  core.keep(slot);
  finish(backend, slot);
}

/**
 * Of those that may move the search path, so that it is asked for right behind them: what commits by itself, as it cannot run
 * inside a transaction, and what ends one. In a transaction that goes on (ROLLBACK TO, AND CHAIN) a Sync ends nothing either.
 */
const COMMITS: ReadonlySet<string> = new Set([
  "DISCARD ALL",
  "COMMIT",
  "ROLLBACK",
  "PREPARE TRANSACTION",
  "COMMIT PREPARED",
  "ROLLBACK PREPARED",
  "VACUUM",
  "CREATE DATABASE",
  "DROP DATABASE",
  "CREATE TABLESPACE",
  "DROP TABLESPACE",
  "ALTER SYSTEM",
]);

/** What is asked behind it already leaves nothing that a Sync would end. */
function isFollowedByNothing({ expected }: SessionCore): boolean {
  for (let index = 1; index < expected.length; index += 1) {
    const asked = expected.at(index)?.asked;
    if (asked !== "describe" && asked !== "close") return false;
  }
  return true;
}

const isCommit = ({ bytes, start, end }: Frame): boolean =>
  bytes[start] === 0x43 && COMMITS.has(readCommandTag(bytes, start, end));

/** FunctionCallResponse. */
function callEnd(backend: Backend, frame: Frame): void {
  const slot = resultOwner(backend);
  if (slot === undefined) return;
  if (slot.asked !== "query") return backend.core.breach("a result of a call that nobody made");
  slot.completed += 1;
  if (slot.stop === undefined) toClient(backend, frame);
  else stoppedTooLate(backend, slot);
}

/** DISCARD ALL and DEALLOCATE ALL leave nothing of what was prepared, unless more of the same text has done so since. */
function forget(core: SessionCore, slot: Slot, { bytes, start, end }: Frame): void {
  // Both begin with D, as DELETE does; every other tag is not read at all.
  if (bytes[start + 5] !== 0x44) return;
  const tag = readCommandTag(bytes, start, end);
  const isAlone = slot.facts?.statements.length === 1;
  if (isAlone && (tag === "DEALLOCATE ALL" || tag === "DISCARD ALL")) core.names.forgetPrepared();
}

/** It ended before the cancel reached it. The client hears of an error all the same, so the transaction must have one. */
function stoppedTooLate(backend: Backend, slot: Slot): void {
  const { core, intake } = backend;
  backend.stopped = slot.stop;
  if (!slot.failed && slot.stop !== undefined) core.parts.toClient.put(refusalError(slot.stop));
  slot.failed = true;
  backend.mustAbort = slot.traits?.writes === true || backend.mustAbort === "writes" ? "writes" : "reads";
  if (slot.asked === "query") return;
  const next = core.expected.at(1);
  if (next === undefined && !core.isInsideMessage) {
    // No Sync yet: an error now makes the upstream skip to it, as after an error of its own.
    const marker = core.expected.push("parse");
    marker.own = true;
    marker.isMarker = true;
    core.parts.toUpstream.put(MARKER_PARSE);
    intake.skipping = true;
    backend.mustAbort = "no";
  } else if (next?.asked !== "sync") core.fail(slot.stop ?? refusal("POLICY_CHANGED"));
}

function error(backend: Backend, { bytes, start, end }: Frame): void {
  const { core } = backend;
  const fields = readNoticeOrError(bytes, start, end);
  const code = fields.get("C") ?? "";
  const severity = fields.get("V") ?? fields.get("S");
  const slot = core.expected.head;
  if (severity === "FATAL" || severity === "PANIC") backend.hasSaidFatal = true;
  else if (slot === undefined) return core.breach("an error that nothing led to");
  tellError(backend, slot, bytes.subarray(start, end), code);
  if (slot === undefined || backend.hasSaidFatal) return;
  backend.mustAbort = "no";
  if (slot.asked === "query") {
    slot.failed = true;
    core.copyingIn = false;
    core.failed(slot);
    result(core, slot, code);
  } else skipToSync(backend, slot, code);
  backend.intake.releaseSync();
}

function tellError(backend: Backend, slot: Slot | undefined, frame: Buffer, code: string): void {
  const { core } = backend;
  const { toClient, withheld } = core.parts;
  if (!backend.hasSaidFatal && slot !== undefined) {
    if (slot.refusal !== undefined && code === MARKER_SQLSTATE)
      return toClient.put(refusalError(slot.refusal));
    if (slot.own && (slot.isMarker || isOwnGroup(core))) return undefined;
    if (slot.stop !== undefined) {
      if (!slot.failed) toClient.put(refusalError(slot.stop));
      return undefined;
    }
  }
  toClient.put(filterNotice(frame, "E", withheld, quoting(core, slot)));
}

/** Whether the client knows nothing of the group that the head belongs to. */
function isOwnGroup({ expected }: SessionCore): boolean {
  for (let index = 0; ; index += 1) {
    const slot = expected.at(index);
    if (slot === undefined || slot.asked === "sync") return slot?.own === true && !slot.standsIn;
  }
}

function quoting(core: SessionCore, slot: Slot | undefined): Quoting {
  if (core.masks.length === 0) return "never";
  const { columns } = core.parts.catalog;
  const request = slot?.facts ?? slot?.statement?.request;
  const may =
    request === undefined
      ? columns.mayQuote(undefined, core.masks)
      : request.statements.some((facts) => columns.mayQuote(facts, core.masks));
  return may ? "always" : "inCode";
}

/** The upstream reads over everything up to the next Sync; so nothing of it is expected any more. */
function skipToSync(backend: Backend, failed: Slot, code: string): void {
  const { core, intake } = backend;
  core.copyingIn = false;
  result(core, failed, code);
  const dropped: Slot[] = [];
  for (let index = 0; ; index += 1) {
    const slot = core.expected.at(index);
    if (slot === undefined || slot.asked === "sync") break;
    dropped.push(slot);
  }
  if (failed.asked === "parse") dropUnnamed(core, failed);
  for (const slot of dropped.toReversed()) core.undo(slot);
  for (const slot of dropped) {
    if (slot !== failed) result(core, slot, undefined, "error");
    core.settled(slot);
    core.expected.pop();
  }
  const sync = core.expected.head;
  if (sync?.standsIn === true) sync.passesReady = true;
  if (sync === undefined) {
    intake.skipping = true;
    intake.barrier = -1;
  }
}

/** A failed Parse of the unnamed statement drops the one before it, too. */
function dropUnnamed(core: SessionCore, failed: Slot): void {
  if (failed.names?.of !== "statement" || failed.names.change.name !== "") return;
  failed.names.change.value = undefined;
  core.names.keep(failed.names);
  failed.names = undefined;
}

function result(
  core: SessionCore,
  slot: Slot,
  errorCode: string | undefined,
  ended: "complete" | "error" = errorCode === undefined ? "complete" : "error",
): void {
  if (slot.request < 0 || slot.own) return;
  const { rows, bytes, maskedValues, request } = slot;
  slot.request = -1;
  core.parts.tap.result(request, {
    ended: slot.ended ?? (errorCode === "57014" ? "cancelled" : ended),
    rows,
    bytes,
    maskedValues,
    ...(errorCode === undefined ? {} : { errorCode }),
  });
}

function notice(backend: Backend, { bytes, start, end }: Frame): void {
  const { core } = backend;
  const { expected, parts } = core;
  const shown = filterNotice(bytes.subarray(start, end), "N", parts.withheld, quoting(core, expected.head));
  parts.toClient.put(shown);
}

function parameter(backend: Backend, frame: Frame): void {
  const { core } = backend;
  const { name, value } = readParameterStatus(frame.bytes, frame.start, frame.end);
  if (name === "search_path") core.pathTold(value);
  if (name === "client_encoding" && value !== "UTF8") core.isTainted = true;
  if (name === "standard_conforming_strings" && value !== "on") core.isTainted = true;
  if (value !== core.parts.withheld.user) toClient(backend, frame);
}

function ready(backend: Backend, frame: Frame): void {
  const { core } = backend;
  const slot = core.expected.head;
  const status = String.fromCharCode(frame.bytes[frame.start + 5] ?? 0);
  if (!isStatus(status)) return core.breach("a transaction status that does not exist");
  if (slot?.asked !== "sync" && slot?.asked !== "query")
    return core.breach("it is ready for what nobody asked");
  if (slot.asked === "query" && slot.completed === 0 && !slot.failed)
    return core.breach("a query without an answer");
  core.status = status;
  core.copyingIn = false;
  const abort = backend.mustAbort;
  backend.mustAbort = "no";
  result(core, slot, undefined);
  core.keep(slot);
  const { own, passesReady } = slot;
  const isLast = core.expected.length === 1;
  finish(backend, slot);
  // Portals end with their transaction, unless some were bound since.
  if (status === "I" && isLast) core.names.forgetPortals();
  core.parts.path.ready(status);
  if (status === "I") core.parts.catalog.transactionEnded();
  if (abort !== "no" && status === "T") return abortTransaction(backend, isLast);
  if (abort === "writes" && status === "I") return core.fail(whyStopped(backend));
  if (!own || passesReady) toClient(backend, frame);
}

/** The client was told of an error, so its transaction must have failed. The ReadyForQuery of this is the client's. */
function abortTransaction(backend: Backend, isLast: boolean): void {
  const { core } = backend;
  if (!isLast || core.isInsideMessage) return core.fail(whyStopped(backend));
  const slot = core.expected.push("query");
  slot.own = true;
  slot.isMarker = true;
  slot.passesReady = true;
  core.parts.toUpstream.put(MARKER_QUERY);
}

const whyStopped = ({ stopped }: Backend): Refusal => stopped ?? refusal("POLICY_CHANGED");

const isStatus = (text: string): text is TransactionStatus => text === "I" || text === "T" || text === "E";
