/** Short ways to write policies and facts in example tests: one agent, one connection, what differs is spelled out. */
import type {
  AllowRule,
  ClusterSecretAccessPolicy,
  DenyRule,
  PostgresPermission,
  SecretAccessPolicy,
} from "#core/api/kinds.gen.ts";
import type { Policy, PolicySource } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Decision } from "#core/policy/decision.ts";
import type { Ancestor, Facts, Identity } from "#core/policy/facts.ts";
import type { Access, Call, PostgresRequest, StatementVerb } from "#core/statements/postgres/facts.ts";
import { CONNECTIONS, NOW_MS, good } from "./arbitraries.ts";
import { request, statement } from "./request-arbitraries.ts";

export const BOT = account("bot");

export function account(name: string, namespace = "shop"): Identity {
  return { serviceAccount: { namespace, name } };
}

export function agent(name: string): Ancestor {
  return { kind: "agent", identity: account(name) };
}

export function policy(name: string, spec: Partial<SecretAccessPolicy["spec"]>): SecretAccessPolicy {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata: { name, namespace: "shop" },
    spec: { subjects: [{ serviceAccount: { name: "bot" } }], connections: { names: ["orders"] }, ...spec },
  };
}

export function guardrail(name: string, spec: ClusterSecretAccessPolicy["spec"]): ClusterSecretAccessPolicy {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "ClusterSecretAccessPolicy",
    metadata: { name },
    spec,
  };
}

export function allow(name: string, postgres: PostgresPermission, more: Partial<AllowRule> = {}): AllowRule {
  return { name, postgres, ...more };
}

export function deny(name: string, postgres: PostgresPermission, reason?: string): DenyRule {
  return { name, postgres, ...(reason === undefined ? {} : { reason }) };
}

export function factsOf(
  parts: Partial<Facts> & { readonly identity?: Identity; readonly above?: readonly Ancestor[] },
): Facts {
  const { identity = BOT, above = [], ...facts } = parts;
  return {
    caller: { identity, ancestors: above },
    connection: { namespace: "shop", name: "orders" },
    nowMs: NOW_MS,
    request: request([]),
    ...facts,
  };
}

export function read(...tables: readonly string[]): PostgresRequest {
  return request([statement({ accesses: tables.map((table) => access("read", table)) })]);
}

export function write(verb: StatementVerb, table: string): PostgresRequest {
  return request([statement({ class: verb, accesses: [access(verb, table)] })]);
}

export function call(name: string, ...schemas: readonly string[]): PostgresRequest {
  const code: Call = { kind: "function", name, schemas };
  return request([statement({ calls: [code] })]);
}

export function doubtful(): PostgresRequest {
  return request([
    statement({
      class: "unknown",
      doubts: [{ code: "DYNAMIC_CODE", text: "DO runs code that is not known" }],
    }),
  ]);
}

export function access(verb: StatementVerb, table: string, unfiltered = false): Access {
  const [schema = "", name = ""] = table.split(".");
  return { verb, relation: { schema, name }, unfiltered };
}

export function decideBy(policies: readonly (Policy | PolicySource)[], facts: Facts): Decision {
  const sources = policies.map((each) => ("state" in each ? each : good(each)));
  return decide(compile({ connections: CONNECTIONS, policies: sources }), facts);
}

/** `ALLOWED by grants/all`, or the code alone when no rule decided. */
export function answer(policies: readonly (Policy | PolicySource)[], facts: Facts): string {
  const { code, by } = decideBy(policies, facts);
  return by === undefined ? code : `${code} by ${by.policy}/${by.rule}`;
}
