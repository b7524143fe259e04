/** Who revokes and who lifts: what role sallyport-revoke comes to, and that a revocation says truly who made it. */
import { randomUUID } from "node:crypto";
import { before, describe, test } from "node:test";
import { CustomObjectsApi, type KubeConfig, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import type { ClusterSecretAccessPolicy } from "#core/api/kinds.gen.ts";
import { REVOCATION, REVOCATION_MS_MAX, revocationGuardrail, withAllBelow } from "#core/policy/revocation.ts";
import type { Guarded } from "../support/cluster.ts";
import { MERGE, allowed, forbidden, refusedBy } from "../support/verdicts.ts";

const POLICY = "sallyport-revocations";
const KIND = { group: "sallyport.dev", version: "v1alpha1", plural: "clustersecretaccesspolicies" };
const HOUR_MS = 3_600_000;

type Spec = ClusterSecretAccessPolicy["spec"];

export function revocationPolicies(guarded: () => Guarded): void {
  describe("revocations", () => {
    let responder: CustomObjectsApi;
    let administrator: CustomObjectsApi;
    before(async () => {
      const { api } = guarded();
      await api.config.makeApiClient(RbacAuthorizationV1Api).createClusterRoleBinding({
        body: {
          metadata: { name: "responders-revoke" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sallyport-revoke" },
          subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "responder" }],
        },
      });
      const objects = (config: KubeConfig) => config.makeApiClient(CustomObjectsApi);
      responder = objects(api.as("responder"));
      administrator = objects(api.config);
    });

    const revocation = (lastsMs = HOUR_MS): ClusterSecretAccessPolicy =>
      revocationGuardrail({
        scope: "serviceaccount",
        about: "Planner",
        mark: randomUUID().slice(0, 6),
        whom: "service account shop/planner and all below its pods",
        by: "responder",
        because: "incident 4711",
        untilMs: Date.now() + lastsMs,
        subjects: withAllBelow([{ serviceAccount: { namespace: "shop", name: "planner" } }]),
      });
    const guardrail = (): ClusterSecretAccessPolicy => {
      const { metadata, ...rest } = revocation();
      return { ...rest, metadata: { name: `${metadata.name}-plain` } };
    };
    const create =
      (body: ClusterSecretAccessPolicy, as = responder, dryRun?: string) =>
      () =>
        as.createClusterCustomObject({ ...KIND, body, ...(dryRun === undefined ? {} : { dryRun }) });
    const remove =
      ({ metadata: { name } }: ClusterSecretAccessPolicy) =>
      () =>
        responder.deleteClusterCustomObject({ ...KIND, name });
    const patch =
      ({ metadata: { name } }: ClusterSecretAccessPolicy, body: object) =>
      () =>
        administrator.patchClusterCustomObject({ ...KIND, name, body }, MERGE);

    test("a responder makes them as they are written, and lifts them", async () => {
      const one = revocation();
      await allowed(create(one));
      await allowed(remove(one));
      await allowed(create(revocation(REVOCATION_MS_MAX)));
    });

    test("and no other guardrail: neither makes one nor takes one away", async () => {
      const plain = guardrail();
      await refusedBy(POLICY, create(plain), /makes and deletes revocations alone/);
      await allowed(create(plain, administrator));
      await refusedBy(POLICY, remove(plain), /makes and deletes revocations alone/);
      const { name } = plain.metadata;
      const body = { metadata: { labels: { [REVOCATION.label]: "pod" } } };
      await forbidden(() => responder.patchClusterCustomObject({ ...KIND, name, body }, MERGE));
      await refusedBy(POLICY, patch(plain, body), /revoked-by|stays what it was|revoked-because/);
    });

    test("what is less than a revocation, or more, bears the label for nobody", async () => {
      const one = revocation();
      const { expires, subjects, deny } = one.spec as Required<Pick<Spec, "expires" | "subjects" | "deny">>;
      const specs: readonly object[] = [
        { expires, deny },
        { subjects, deny },
        { expires, subjects, deny: deny.slice(1) },
        { expires, subjects, deny: [...deny.slice(1), { name: "more", postgres: { tables: ["hr.*"] } }] },
        { expires, subjects, deny, mode: "observe" },
        { expires, subjects, deny, connections: { names: ["orders"] } },
        { expires, subjects, deny, limits: { rows: 1 } },
      ];
      for (const spec of specs)
        for (const as of [responder, administrator])
          await refusedBy(
            POLICY,
            create({ ...one, spec }, as, "All"),
            /refuses everything to subjects|revoked-by/,
          );
      await refusedBy(POLICY, create(revocation(REVOCATION_MS_MAX + 48 * HOUR_MS)), /30 days at most/);
    });

    test("they say who made them, and why, and nobody changes that or what they refuse", async () => {
      const one = revocation();
      const { metadata } = one;
      const said = (annotations: Readonly<Record<string, string>>): ClusterSecretAccessPolicy => ({
        ...one,
        metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } },
      });
      await refusedBy(POLICY, create(said({ [REVOCATION.by]: "ada" })), /revoked-by is whoever makes it/);
      await refusedBy(POLICY, create(said({ [REVOCATION.because]: "" })), /says why/);
      await allowed(create(one));
      for (const body of [
        { metadata: { annotations: { [REVOCATION.by]: "ada" } } },
        { metadata: { annotations: { [REVOCATION.because]: "nothing" } } },
        { metadata: { labels: { [REVOCATION.label]: null } } },
        { spec: { expires: "2026-01-01T00:00:00Z" } },
      ])
        await refusedBy(POLICY, patch(one, body), /stays what it was|says why/);
      await allowed(patch(one, { metadata: { labels: { "example.com/incident": "4711" } } }));
    });
  });
}
