import type { Connection } from "../../api/kinds.gen.ts";
import type { Finding, Lint } from "./lint.ts";
import { ruleCovers, subjectsCover } from "./cover.ts";
import { finding, isInForce, type PlacedRule, rulesOf, type World } from "./world.ts";

export const shadowedRule: Lint = {
  title: "a deny rule takes away all that this rule gives",
  why:
    "A deny rule wins over every ask and allow rule, whichever file it stands in and in whatever order. A rule that is " +
    "wholly covered by one never decides anything, and promises its reader a right that nobody has.",
  find: (world) =>
    world.rules.filter(({ effect }) => effect !== "deny").flatMap((rule) => shadowOf(rule, world)),
  wrong: `
allow:
  - name: read-customers
    postgres: { statements: [read], tables: [public.customers] }
deny:
  - name: no-customers
    reason: Customer data stays in the shop.
    postgres: { statements: [read], tables: [public.*] }
`,
  right: `
allow:
  - name: read-customers
    postgres: { statements: [read], tables: [public.customers] }
deny:
  - name: no-cards
    reason: Card data stays in the shop.
    postgres: { statements: [read], tables: [public.cards] }
`,
};

function shadowOf(shadowed: PlacedRule, world: World): Finding[] {
  const connections = world.connectionsOf(shadowed.policy);
  const [first] = connections;
  const deny = first && deniesOn(first, world).find((each) => shadows(each, shadowed, connections, world));
  if (deny === undefined) return [];
  return [
    finding(
      shadowed.policy,
      shadowed.path,
      `${shadowed.effect} rule "${shadowed.rule.name}" never decides: deny rule "${deny.rule.name}" of ` +
        `${deny.policy.metadata.name} refuses everything it covers`,
    ),
  ];
}

function deniesOn(connection: Connection, { policiesOn, nowMs }: World): readonly PlacedRule[] {
  return policiesOn(connection)
    .filter((policy) => isInForce(policy, nowMs))
    .flatMap(rulesOf)
    .filter(({ effect }) => effect === "deny");
}

function shadows(
  deny: PlacedRule,
  shadowed: PlacedRule,
  connections: readonly Connection[],
  { policiesOn }: World,
): boolean {
  return (
    connections.every((connection) => policiesOn(connection).includes(deny.policy)) &&
    subjectsCover(deny.policy, shadowed.policy) &&
    // A function that a rule names may still run: deny rules about tables do not look inside it.
    shadowed.rule.postgres?.functions === undefined &&
    ruleCovers(deny, shadowed)
  );
}
