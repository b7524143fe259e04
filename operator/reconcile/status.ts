/**
 * What has to be written into an object's status so that it says what was found, if anything: writing what stands there
 * already would wake everybody who watches, ourselves included. Pure.
 */
import { isRecord } from "../kube/error.ts";
import type { Happening } from "../kube/events.ts";
import { type Finding, reasonOf, statusOf } from "./conditions.ts";

export interface WrittenCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** A condition that came to another answer; people are told of it. */
export interface Turn {
  readonly from: WrittenCondition | undefined;
  readonly to: Finding;
}

export interface StatusChange {
  readonly conditions: readonly WrittenCondition[];
  readonly turns: readonly Turn[];
  /** It says so already. */
  readonly isSame: boolean;
}

const MESSAGE_CHARACTERS_MAX = 4_096;

/** `generation`: absent for objects of others, whose conditions have no such field. */
export function changeOf(
  status: unknown,
  findings: readonly Finding[],
  generation: number | undefined,
  nowMs: number,
): StatusChange {
  const before = conditionsOf(status);
  const conditions = findings.map((found) => written(found, before.get(found.type), generation, nowMs));
  const turns = findings.flatMap((to) => {
    const from = before.get(to.type);
    return from?.status === statusOf(to) && from.reason === to.reason ? [] : [{ from, to }];
  });
  return {
    conditions,
    turns,
    isSame: conditions.every((condition) => isSame(before.get(condition.type), condition)),
  };
}

export function enforcedByIn(status: unknown): string | undefined {
  const said = isRecord(status) ? status["enforcedBy"] : undefined;
  return typeof said === "string" ? said : undefined;
}

export function conditionsOf(status: unknown): ReadonlyMap<string, WrittenCondition> {
  const listed: unknown = isRecord(status) ? status["conditions"] : undefined;
  const found = new Map<string, WrittenCondition>();
  for (const entry of Array.isArray(listed) ? listed : [])
    if (isCondition(entry)) found.set(entry.type, entry);
  return found;
}

function written(
  found: Finding,
  before: WrittenCondition | undefined,
  generation: number | undefined,
  nowMs: number,
): WrittenCondition {
  const { type, reason } = found;
  const status = statusOf(found);
  const stays = before?.status === status;
  return {
    type,
    status,
    reason,
    message: bounded(found.message),
    lastTransitionTime: stays ? before.lastTransitionTime : toSeconds(nowMs),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

const COMPARED = ["status", "reason", "message", "observedGeneration"] as const;

function isSame(before: WrittenCondition | undefined, now: WrittenCondition): boolean {
  return before !== undefined && COMPARED.every((field) => before[field] === now[field]);
}

function bounded(message: string): string {
  return message.length <= MESSAGE_CHARACTERS_MAX ? message : `${message.slice(0, MESSAGE_CHARACTERS_MAX)}…`;
}

/** Kubernetes writes times to the second. */
function toSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

const TEXTS = ["type", "status", "reason", "message", "lastTransitionTime"] as const;

function isCondition(entry: unknown): entry is WrittenCondition {
  return isRecord(entry) && TEXTS.every((field) => typeof entry[field] === "string");
}

/** An event for people: a warning when something has gone wrong, and a word when it is right again. */
export type Notice = Omit<Happening, "regarding">;

const ACTION = "Reconcile";

export function noticesOf(turns: readonly Turn[]): readonly Notice[] {
  return turns.flatMap(({ from, to }): Notice[] => {
    const { reason, message: note } = to;
    if (isAlarming(to)) return [{ type: "Warning", reason, action: ACTION, note }];
    if (from === undefined || from.status !== "False" || statusOf(to) !== "True") return [];
    return [{ type: "Normal", reason, action: ACTION, note }];
  });
}

/** `Ready` only sums up what another condition has said. */
function isAlarming(found: Finding): boolean {
  return (
    found.type !== "Ready" && statusOf(found) === "False" && reasonOf(found.type, found.reason).aside !== true
  );
}
