/** The model's policies as a user would write them. */
import type { PolicySource } from "#core/api/loaded.ts";
import { SHOP } from "./forest.ts";
import type { PolicyTruth, Revoked, Rule } from "./truth.ts";

export function sourcesOf({ rules, revoked }: PolicyTruth): readonly PolicySource[] {
  return [...rules.map(ruleSource), ...revoked.map(revokedSource)];
}

function ruleSource({ account, connection, delegate, whenParentEnds }: Rule, at: number): PolicySource {
  return {
    state: "good",
    origin: `rule-${at}`,
    policy: {
      apiVersion: "sallyport.dev/v1alpha1",
      kind: "SecretAccessPolicy",
      metadata: { namespace: SHOP, name: `rule-${at}` },
      spec: {
        subjects: [{ serviceAccount: { name: account } }],
        connections: { names: [connection] },
        allow: [{ name: "connect", delegate, tcp: {} }],
        whenParentEnds,
      },
    },
  };
}

function revokedSource(revoked: Revoked, at: number): PolicySource {
  const subjects =
    revoked.what === "account"
      ? [{ serviceAccount: { name: revoked.account } }]
      : [
          { pod: { uid: revoked.uid } },
          ...(revoked.what === "subtree" ? [{ descendantsOf: { pod: { uid: revoked.uid } } }] : []),
        ];
  return {
    state: "good",
    origin: `revoked-${at}`,
    policy: {
      apiVersion: "sallyport.dev/v1alpha1",
      kind: "ClusterSecretAccessPolicy",
      metadata: { name: `revoked-${at}` },
      spec: { subjects, deny: [{ name: "revoked", tcp: {} }] },
    },
  };
}
