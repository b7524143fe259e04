import type { OidcSelector, SubjectSelector } from "../../api/kinds.gen.ts";
import type { Finding, Lint } from "./lint.ts";
import { verbsOf, WRITE_VERBS } from "./cover.ts";
import { finding, rulesOf, subjectsOf } from "./world.ts";

export const broadSubject: Lint = {
  title: "more may write than anyone can name",
  why:
    "Whoever can create a pod in a namespace can be every subject of that namespace, and whoever can launch an agent " +
    "can have descendants of it. Name the service account that needs to write, or say with launchedBy who may stand " +
    "behind it. An OIDC subject without claims is everyone who has an account there: on a public forge, the world.",
  find: (world) =>
    world.policies.flatMap((policy) => {
      const allows = rulesOf(policy).filter(({ effect }) => effect !== "deny");
      if (policy.kind !== "SecretAccessPolicy" || allows.length === 0) return [];
      const writing = allows.find(({ rule }) => verbsOf(rule.postgres).some((verb) => WRITE_VERBS.has(verb)));
      return subjectsOf(policy).flatMap((subject, index): Finding[] => {
        const path = ["spec", "subjects", index];
        const open = oidcWithoutClaims(subject);
        if (open !== undefined) {
          return [
            finding(
              policy,
              [...path, "oidc"],
              `everyone whom "${open.provider}" knows is this subject; add the claims that make it yours, such as repository`,
            ),
          ];
        }
        if (writing === undefined || subject.launchedBy !== undefined || !isOpenEnded(subject)) return [];
        return [
          finding(
            policy,
            path,
            `any pod of ${breadthOf(subject)} may write by rule "${writing.rule.name}"; ` +
              "name the service account, or narrow with launchedBy who may stand behind it",
          ),
        ];
      });
    }),
  wrong: `
subjects: [{ namespace: shop }]
allow:
  - name: write-orders
    postgres: { statements: [insert], tables: [public.orders] }
`,
  right: `
subjects: [{ serviceAccount: { name: order-writer } }]
allow:
  - name: write-orders
    postgres: { statements: [insert], tables: [public.orders] }
`,
};

const oidcWithoutClaims = ({ oidc }: SubjectSelector): OidcSelector | undefined =>
  oidc !== undefined && Object.keys(oidc.claims ?? {}).length === 0 ? oidc : undefined;

/** Nothing in the subject names one identity: only where it runs, or whose descendant it is. */
function isOpenEnded(subject: SubjectSelector): boolean {
  return subject.serviceAccount === undefined && subject.oidc === undefined && subject.pod === undefined;
}

function breadthOf(subject: SubjectSelector): string {
  if (subject.namespace !== undefined) return `namespace ${subject.namespace}`;
  if (subject.descendantsOf !== undefined) return "any name that descends from the agent named here";
  return "any name";
}
