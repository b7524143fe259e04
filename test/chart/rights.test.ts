/** docs/operations/rbac.md has every right that the chart gives, and no other is given. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { V1ClusterRole, V1RoleBinding, V1PolicyRule } from "@kubernetes/client-node";
import { textOf } from "#test/architecture/sources.ts";
import { NAMESPACE, type Rendered, render, skipWithoutHelm } from "./support/helm.ts";

type Role = Rendered & V1ClusterRole;
type Binding = Rendered & V1RoleBinding;

const PROGRAMS: ReadonlySet<string> = new Set(["sallyport-operator", "sallyport-broker"]);
const PAGE = "docs/operations/rbac.md";
const BOUND_BY_OPERATOR: ReadonlySet<string> = new Set([
  "sallyport-broker-secrets",
  "sallyport-broker-tokens",
]);

describe("rights", { skip: skipWithoutHelm() }, () => {
  for (const program of ["operator", "broker"] as const) {
    test(`of the ${program} are those with a reason`, async () => {
      const objects = await render();
      assert.deepEqual(given(objects, program).toSorted(), written(program).toSorted());
    });
  }
  test("of people are those with a reason", async () => {
    const objects = await render();
    const bound = new Set(bindings(objects).map(({ roleRef }) => `${roleRef.kind} ${roleRef.name}`));
    const people = objects.filter(
      ({ kind, metadata: { name } }) =>
        ["ClusterRole", "Role"].includes(kind) &&
        !bound.has(`${kind} ${name}`) &&
        !BOUND_BY_OPERATOR.has(name),
    ) as unknown as readonly Role[];
    const rows = people.flatMap(({ metadata, rules }) => rowsOf(metadata.name, rules));
    assert.deepEqual(rows.toSorted(), written("people").toSorted());
  });
  test("are given to the two programs alone, and by nothing but what is looked at here", async () => {
    const objects = await render();
    const subjects = bindings(objects).flatMap((binding) => binding.subjects ?? []);
    assert.deepEqual(new Set(subjects.map(({ name }) => name)), PROGRAMS);
    const aggregated = objects
      .filter(({ kind }) => kind === "ClusterRole")
      .filter((role) => "aggregationRule" in role);
    assert.deepEqual(aggregated, []);
  });
  test("have no wildcard in them", async () => {
    const roles = (await render()).filter(({ kind }) => kind === "ClusterRole" || kind === "Role");
    for (const { metadata, rules } of roles as unknown as readonly Role[])
      assert.ok(!JSON.stringify(rules).includes("*"), metadata.name);
  });
  test("to look up name servers go when they are given", async () => {
    const objects = await render({ resolvers: ["10.96.0.10"] });
    for (const program of ["operator", "broker"] as const)
      assert.ok(!given(objects, program).some((row) => row.startsWith("kube-system")));
  });
});

/** Rows of the program's bindings; for the broker, of the roles that the operator binds. */
function given(objects: readonly Rendered[], program: "operator" | "broker"): readonly string[] {
  const roles = objects.filter(
    ({ kind }) => kind === "ClusterRole" || kind === "Role",
  ) as unknown as readonly Role[];
  const bound = bindings(objects)
    .filter(({ subjects }) => subjects?.some(({ name }) => name === `sallyport-${program}`))
    .flatMap(({ kind, roleRef, metadata: { namespace } }) =>
      roles
        .filter((role) => role.kind === roleRef.kind && role.metadata.name === roleRef.name)
        .filter((role) => role.metadata.namespace === namespace)
        .flatMap(({ rules }) =>
          rowsOf(kind === "ClusterRoleBinding" ? "cluster" : whereOf(namespace), rules),
        ),
    );
  if (program === "operator") return bound;
  const byOperator = roles.filter(({ metadata }) => BOUND_BY_OPERATOR.has(metadata.name));
  return [...bound, ...byOperator.flatMap(({ rules }) => rowsOf("labelled", rules))];
}

const bindings = (objects: readonly Rendered[]): readonly Binding[] =>
  objects.filter(
    ({ kind }) => kind === "ClusterRoleBinding" || kind === "RoleBinding",
  ) as unknown as Binding[];

const whereOf = (namespace = ""): string => (namespace === NAMESPACE ? "release" : namespace);

function rowsOf(where: string, rules: readonly V1PolicyRule[] = []): readonly string[] {
  return rules.flatMap(({ apiGroups = [], resources = [], resourceNames = [], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.map((resource) =>
        [
          where,
          group === "" ? resource : `${resource}.${group}`,
          resourceNames.join(", "),
          verbs.join(", "),
        ].join(" | "),
      ),
    ),
  );
}

/** Rows of the table behind the mark, without their reasons, each of which has to be there. */
function written(whose: string): readonly string[] {
  const [, after = ""] = textOf(PAGE).split(`<!-- rights: ${whose} -->`);
  const lines = after.trimStart().split("\n");
  const table = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith("|")),
  );
  return table.slice(2).map((line) => {
    const [where = "", resource = "", names = "", verbs = "", why = ""] = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", ""));
    assert.match(why, /\.$/, line);
    return [where, resource, names, verbs].join(" | ");
  });
}
