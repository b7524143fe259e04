/** Requests, as analysis would describe them. */
import fc from "fast-check";
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";

const relations = fc.constantFrom(
  { schema: "public", name: "t" },
  { schema: "public", name: "t" },
  { schema: "public", name: "u" },
  { schema: "hr", name: "t" },
  { schema: "public", name: "*" },
  { schema: "pg_temp", name: "t" },
);

const accesses: fc.Arbitrary<StatementFacts["accesses"][number]> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      verb: fc.constantFrom("read", "read", "insert", "delete"),
      relation: relations,
      unfiltered: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      verb: fc.constantFrom("transaction", "session", "ddl"),
      unfiltered: fc.constant(false),
    }),
  },
);

const calls: fc.Arbitrary<StatementFacts["calls"][number]> = fc.record({
  kind: fc.constantFrom("function", "operator", "type"),
  schemas: fc.constantFrom(["public"], ["public", "util"], ["util"]),
  name: fc.constantFrom("f", "g"),
});

const doubts: fc.Arbitrary<StatementFacts["doubts"][number]> = fc.constant({
  code: "DYNAMIC_CODE",
  text: "DO runs code that is not known",
});

const statements: fc.Arbitrary<StatementFacts> = fc
  .tuple(
    fc.array(accesses, { minLength: 1, maxLength: 2 }),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(calls, { maxLength: 1 }) },
    ),
    fc.oneof(
      { weight: 8, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(doubts, { maxLength: 1 }) },
    ),
  )
  .map(([accessList, callList, doubtList]) =>
    statement({ accesses: accessList, calls: callList, doubts: doubtList }),
  );

export const requests: fc.Arbitrary<PostgresRequest> = fc.oneof(
  { weight: 9, arbitrary: fc.array(statements, { minLength: 1, maxLength: 2 }).map(request) },
  { weight: 1, arbitrary: fc.constant(request([])) },
);

export function request(list: readonly StatementFacts[]): PostgresRequest {
  return { protocol: "postgres", statements: list };
}

export function statement(parts: Partial<StatementFacts>): StatementFacts {
  return {
    class: "read",
    accesses: [],
    calls: [],
    doubts: [],
    columns: [],
    literalOffsetsBytes: [],
    startByte: 0,
    lengthBytes: 1,
    ...parts,
  };
}
