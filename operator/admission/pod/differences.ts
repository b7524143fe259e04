/** Where one of our own parts is not what it should be. */
import type { V1Container } from "@kubernetes/client-node";
import { sameQuantity } from "./quantity.ts";

/** Paths below `field` at which `actual` is not `expected`; the first few are enough to act on. */
export function differences(expected: unknown, actual: unknown, field: string): readonly string[] {
  if (isRecord(expected) && isRecord(actual)) {
    return keysOf(expected, actual).flatMap((key) =>
      differences(expected[key], actual[key], `${field}.${key}`),
    );
  }
  if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length) return [field];
    return expected.flatMap((item, index) => differences(item, actual[index], `${field}[${index}]`));
  }
  return expected === actual ? [] : [field];
}

/**
 * The same for a container, which may differ in two things that others have a right to: LimitRange adds requests and limits where
 * there are none, and the AlwaysPullImages plugin asks for a pull.
 */
export function containerDifferences(
  expected: V1Container,
  actual: V1Container,
  field: string,
): readonly string[] {
  const { resources: wanted, imagePullPolicy: policy, ...rest } = expected;
  const { resources, imagePullPolicy, ...others } = actual;
  const pull = imagePullPolicy === "Always" || imagePullPolicy === policy ? [] : [`${field}.imagePullPolicy`];
  return [
    ...differences(rest, others, field),
    ...pull,
    ...resourceDifferences(wanted, resources, `${field}.resources`),
  ];
}

type Resources = V1Container["resources"];

function resourceDifferences(expected: Resources, actual: Resources, field: string): readonly string[] {
  const known = ["requests", "limits"] as const;
  const amounts = known.flatMap((part) =>
    Object.entries(expected?.[part] ?? {}).flatMap(([name, quantity]) =>
      sameQuantity(quantity, actual?.[part]?.[name]) ? [] : [`${field}.${part}.${name}`],
    ),
  );
  const additions = known.flatMap((part) =>
    Object.keys(actual?.[part] ?? {})
      .filter((name) => !ADDABLE.has(name) && expected?.[part]?.[name] === undefined)
      .map((name) => `${field}.${part}.${name}`),
  );
  const { requests: _requests, limits: _limits, ...rest } = { ...actual };
  return [...amounts, ...additions, ...differences({}, rest, field)];
}

/** A resource with another name may be a device, and whoever hands out devices may set variables and mounts of the container. */
const ADDABLE: ReadonlySet<string> = new Set(["cpu", "memory", "ephemeral-storage"]);

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function keysOf(...records: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))];
}
