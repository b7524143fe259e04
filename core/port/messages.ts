/** What a frame says: one table for each direction. `hello` is a call like any other, and has to come first. */
import type { Frame } from "./frame.ts";
import {
  type AnswerOf,
  type Call,
  type CallOperation,
  OPERATIONS,
  type Operation,
  type RequestOf,
  type Tell,
  type TellOperation,
} from "./operations.ts";
import type { Push } from "./port.ts";
import { type PartsIn, PortViolation, objectAt, whole } from "./shapes.ts";
import { push as pushShape } from "./values.ts";

export type CallMessage = {
  [O in CallOperation]: {
    readonly type: "call";
    readonly id: number;
    readonly operation: O;
    readonly request: RequestOf<O>;
  };
}[CallOperation];
export type TellMessage = {
  [O in TellOperation]: { readonly type: "tell"; readonly operation: O; readonly request: RequestOf<O> };
}[TellOperation];

/** From the data plane to the broker. */
export type ToBroker =
  | CallMessage
  | TellMessage
  | { readonly type: "subscribe" }
  | { readonly type: "cancel"; readonly id: number };

/** From the broker to the data plane. The answer of a call is read when it is known what was asked. */
export type ToDataPlane =
  | {
      readonly type: "answer";
      readonly id: number;
      readonly read: <O extends CallOperation>(operation: O) => AnswerOf<O>;
    }
  /** The broker failed at it; the cause is in the broker's log. */
  | { readonly type: "fault"; readonly id: number }
  | { readonly type: "push"; readonly push: Push };

const idShape = whole(0);

export function callFrame<O extends CallOperation>(id: number, operation: O, request: RequestOf<O>): Frame {
  const parts: Uint8Array[] = [];
  const body = callRow(operation).request.write(request, parts);
  return { head: { type: "call", id, operation, request: body }, parts };
}

export function tellFrame<O extends TellOperation>(operation: O, request: RequestOf<O>): Frame {
  const parts: Uint8Array[] = [];
  return {
    head: { type: "tell", operation, request: tellRow(operation).request.write(request, parts) },
    parts,
  };
}

export const subscribeFrame: Frame = { head: { type: "subscribe" }, parts: [] };

export function cancelFrame(id: number): Frame {
  return { head: { type: "cancel", id }, parts: [] };
}

export function answerFrame<O extends CallOperation>(id: number, operation: O, answer: AnswerOf<O>): Frame {
  const parts: Uint8Array[] = [];
  return { head: { type: "answer", id, answer: callRow(operation).answer.write(answer, parts) }, parts };
}

export function faultFrame(id: number): Frame {
  return { head: { type: "fault", id }, parts: [] };
}

export function pushFrame(push: Push): Frame {
  const parts: Uint8Array[] = [];
  return { head: { type: "push", push: pushShape.write(push, parts) }, parts };
}

export function readToBroker(frame: Frame): ToBroker {
  const { type, ...rest } = objectAt(frame.head, "message");
  switch (type) {
    case "call": {
      const members = only(rest, ["id", "operation", "request"]);
      const operation = operationOf(members["operation"], "call");
      const request = readAll(frame, (parts) =>
        callRow(operation).request.read(members["request"], parts, operation),
      );
      return { type, id: idOf(members), operation, request } as CallMessage;
    }
    case "tell": {
      const members = only(rest, ["operation", "request"]);
      const operation = operationOf(members["operation"], "tell");
      const request = readAll(frame, (parts) =>
        tellRow(operation).request.read(members["request"], parts, operation),
      );
      return { type, operation, request } as TellMessage;
    }
    case "subscribe":
      only(rest, []);
      return readAll(frame, () => ({ type }));
    case "cancel":
      return readAll(frame, () => ({ type, id: idOf(only(rest, ["id"])) }));
    default:
      throw new PortViolation("message.type", "one that a broker takes");
  }
}

export function readToDataPlane(frame: Frame): ToDataPlane {
  const { type, ...rest } = objectAt(frame.head, "message");
  switch (type) {
    case "answer": {
      const members = only(rest, ["id", "answer"]);
      const read = <O extends CallOperation>(operation: O): AnswerOf<O> =>
        readAll(frame, (parts) => callRow(operation).answer.read(members["answer"], parts, operation));
      return { type, id: idOf(members), read };
    }
    case "fault":
      return readAll(frame, () => ({ type, id: idOf(only(rest, ["id"])) }));
    case "push": {
      const members = only(rest, ["push"]);
      return { type, push: readAll(frame, (parts) => pushShape.read(members["push"], parts, "push")) };
    }
    default:
      throw new PortViolation("message.type", "one that a data plane takes");
  }
}

/** The table's row with its own types: what TypeScript cannot see is that key and row go together. */
export function callRow<O extends CallOperation>(operation: O): Call<RequestOf<O>, AnswerOf<O>> {
  return OPERATIONS[operation] as unknown as Call<RequestOf<O>, AnswerOf<O>>;
}

export function tellRow<O extends TellOperation>(operation: O): Tell<RequestOf<O>> {
  return OPERATIONS[operation] as unknown as Tell<RequestOf<O>>;
}

function operationOf(json: unknown, form: "call"): CallOperation;
function operationOf(json: unknown, form: "tell"): TellOperation;
function operationOf(json: unknown, form: "call" | "tell"): Operation {
  const known = typeof json === "string" && Object.hasOwn(OPERATIONS, json);
  if (!known || OPERATIONS[json as Operation].form !== form)
    throw new PortViolation("message.operation", `an operation that is a ${form}`);
  return json as Operation;
}

function only(rest: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  for (const name of Object.keys(rest))
    if (!names.includes(name)) throw new PortViolation("message", "no member beyond those of the contract");
  return rest;
}

function idOf(members: Record<string, unknown>): number {
  return idShape.read(members["id"], noParts, "message.id");
}

const noParts: PartsIn = {
  next: (place) => {
    throw new PortViolation(place, "a binary part");
  },
};

/** Every part of the frame has to be taken: bytes that belong to nothing are a broken frame. */
function readAll<Value>(frame: Frame, read: (parts: PartsIn) => Value): Value {
  let taken = 0;
  const value = read({
    next: (place) => {
      const part = frame.parts[taken];
      if (part === undefined) throw new PortViolation(place, "a binary part");
      taken += 1;
      return part;
    },
  });
  if (taken !== frame.parts.length) throw new PortViolation("frame", "no binary part beyond those named");
  return value;
}
