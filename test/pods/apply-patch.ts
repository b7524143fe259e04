/** RFC 6902 as it is written, for tests: adds, removes and replaces, and throws where a place does not exist. */
import type { Operation } from "#operator/admission/pod/json-patch.ts";

type Node = Record<string, unknown> | unknown[];

export function applyPatch(document: unknown, operations: readonly Operation[]): unknown {
  const root = { document: structuredClone(document) };
  for (const operation of operations) applyOne(root, operation);
  return root.document;
}

function applyOne(root: { document: unknown }, operation: Operation): void {
  if (operation.path === "") {
    if (operation.op !== "replace") throw new Error("the root can only be replaced");
    root.document = structuredClone(operation.value);
    return;
  }
  const tokens = operation.path
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = tokens.pop() ?? "";
  const parent = tokens.reduce((node, token) => childOf(node, token), root.document);
  if (Array.isArray(parent)) applyToList(parent, last, operation);
  else applyToRecord(parent as Record<string, unknown>, last, operation);
}

function childOf(node: unknown, token: string): unknown {
  if (typeof node !== "object" || node === null || !Object.hasOwn(node, token))
    throw new Error(`nothing at ${token}`);
  return (node as Record<string, unknown>)[token];
}

function applyToList(list: Node & unknown[], token: string, operation: Operation): void {
  const index = Number(token);
  const end = operation.op === "add" ? list.length : list.length - 1;
  if (!/^(?:0|[1-9]\d*)$/.test(token) || index > end)
    throw new Error(`no place ${token} in a list of ${list.length}`);
  if (operation.op === "add") list.splice(index, 0, structuredClone(operation.value));
  else if (operation.op === "remove") list.splice(index, 1);
  else list[index] = structuredClone(operation.value);
}

function applyToRecord(record: Record<string, unknown>, key: string, operation: Operation): void {
  if (operation.op !== "add" && !Object.hasOwn(record, key)) throw new Error(`nothing at ${key}`);
  if (operation.op === "remove") delete record[key];
  else
    Object.defineProperty(record, key, {
      value: structuredClone(operation.value),
      enumerable: true,
      configurable: true,
      writable: true,
    });
}
