/** The same denials on a real API server: what the model says of a pod is done to a real one here. */
import { sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { AdmissionregistrationV1Api, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { after, before, describe } from "node:test";
import { LABELS, ORIGIN } from "#operator/names.ts";
import { NAMESPACES, objectKey, PODS } from "#operator/kube/resource.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { type Agent, type Node, type World as Kubernetes, call } from "#test/cluster-broker/support/world.ts";
import type { World } from "./denials.ts";
import { type Rig, policyFor, startRig } from "./rig.ts";
import { deniedIn } from "./run.ts";
import { type Enrolled, enrolled } from "./subject.ts";

const HERE = "127.0.0.1";
const HELD = "example.com/held";
const ACCOUNT = "default";

interface RealSubject extends Enrolled {
  readonly agent: Agent;
}

/** Policies of the API server go out of force for good: run it after whatever needs them. */
export function denialCases(kubernetes: () => Kubernetes): void {
  describe("what is denied", () => {
    let rig: Rig;
    let node: Node;
    before(async () => {
      rig = await startRig(kubernetes().replica());
      node = await kubernetes().node();
      await kubernetes()
        .guarded.api.config.makeApiClient(AdmissionregistrationV1Api)
        .deleteCollectionValidatingAdmissionPolicyBinding();
    });
    after(() => rig[Symbol.asyncDispose]());
    deniedIn<RealSubject>(() => realWorld(kubernetes(), rig, node));
  });
}

export function realWorld(kubernetes: Kubernetes, rig: Rig, node: Node): World<RealSubject> {
  const { guarded, kube } = kubernetes;
  const { api, core } = guarded;
  const started = async (): Promise<Agent> => {
    const namespace = await kubernetes.enforced();
    // Held, so that one that is being deleted can be seen at all.
    const metadata = { generateName: "agent-", finalizers: [HELD] };
    const agent = await kubernetes.agent(namespace, node, { metadata });
    await running(agent, HERE);
    return agent;
  };
  const keyOf = ({ claim: { namespace, name } }: RealSubject): string => objectKey(namespace, name);
  const patched = (subject: RealSubject, op: "add" | "replace", path: string, value: unknown) =>
    // It takes the API server a moment to notice that its policies are gone.
    eventually(
      () =>
        kube.patch(PODS, keyOf(subject), [{ op, path, value }], call).then(
          () => true as const,
          () => undefined,
        ),
      () => "the policies do not go out of force",
    );
  const pathOf = (annotation: string): string => `/metadata/annotations/${annotation.replaceAll("/", "~1")}`;
  const ended =
    (phase: string) =>
    async ({ agent }: RealSubject) => {
      await agent.status({ phase, podIP: HERE, podIPs: [{ ip: HERE }] });
      return undefined;
    };
  const deleted = async (subject: RealSubject): Promise<undefined> => {
    await subject.agent.gone();
    return undefined;
  };
  return {
    async subject() {
      const agent = await started();
      const claim = await agent.claim();
      rig.configure([policyFor({ namespace: claim.namespace, name: ACCOUNT })]);
      return { ...(await enrolled(rig, { claim, token: () => agent.token() })), agent };
    },
    pods: {
      "the pod is being deleted": deleted,
      "the pod is gone": async (subject) => {
        await deleted(subject);
        await patched(subject, "replace", "/metadata/finalizers", []);
        return undefined;
      },
      "the pod has succeeded": ended("Succeeded"),
      "the pod has failed": ended("Failed"),
      "the pod is out of shape": async (subject) => {
        await patched(subject, "replace", "/spec/initContainers/1/image", "evil");
        return undefined;
      },
      "nobody is known to have made the pod": async (subject) => {
        await patched(subject, "add", pathOf(ORIGIN.podUid), "its-maker");
        return undefined;
      },
      "the pod is somebody else's by now": async (subject) => {
        await patched(subject, "replace", pathOf(ORIGIN.user), "mallory");
        return undefined;
      },
      "the namespace is no longer enforced": async ({ claim: { namespace } }) => {
        const path = `/metadata/labels/${LABELS.enforce.replaceAll("/", "~1")}`;
        await kube.patch(NAMESPACES, namespace, [{ op: "remove", path }], call);
        return undefined;
      },
      "the service account was made anew": async ({ claim: { namespace } }) => {
        await core.deleteNamespacedServiceAccount({ namespace, name: ACCOUNT });
        await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: ACCOUNT } } });
        return undefined;
      },
      "the service account may write our kinds": async ({ claim: { namespace } }) => {
        const rbac = api.config.makeApiClient(RbacAuthorizationV1Api);
        const apiGroup = "rbac.authorization.k8s.io";
        await rbac.createNamespacedRoleBinding({
          namespace,
          body: {
            metadata: { name: "author" },
            roleRef: { apiGroup, kind: "ClusterRole", name: "sallyport-author" },
            subjects: [{ kind: "ServiceAccount", name: ACCOUNT, namespace }],
          },
        });
        return undefined;
      },
      "the pod has another address": async ({ agent }) => {
        await running(agent, "10.1.2.3");
        return undefined;
      },
      "the cluster cannot be asked": async () => {
        await api.kill();
        return () => api.restart();
      },
    },
    tokens: {
      "a token for another audience": async ({ claim: { namespace, name, uid } }) => {
        const boundObjectRef = { apiVersion: "v1", kind: "Pod", name, uid };
        const body = { spec: { audiences: ["vault.example"], expirationSeconds: 600, boundObjectRef } };
        const made = await core.createNamespacedServiceAccountToken({ namespace, name: ACCOUNT, body });
        return Buffer.from(made.status?.token ?? "");
      },
      "a token that has expired": async ({ agent }) => {
        const nowSeconds = Math.floor(Date.now() / 1000);
        const past = { iat: nowSeconds - 1_200, nbf: nowSeconds - 1_200, exp: nowSeconds - 600 };
        return resigned(api.folder, await agent.token(), (claims) => ({ ...claims, ...past }));
      },
      "a token that nobody has made": async ({ agent }) => {
        const [header = "", payload = "", signature = ""] = (await agent.token())
          .toString("latin1")
          .split(".");
        return Buffer.from(`${header}.${payload}.${[...signature].toReversed().join("")}`);
      },
      "the token of another pod": async () => (await started()).token(),
      "the token of an account, without a pod": async ({ agent }) =>
        resigned(api.folder, await agent.token(), (claims) => {
          const { pod: _pod, node: _node, ...account } = claims["kubernetes.io"] as Record<string, unknown>;
          return { ...claims, "kubernetes.io": account };
        }),
    },
  };
}

function running(agent: Agent, ip: string): Promise<void> {
  return agent.status({ phase: "Running", podIP: ip, podIPs: [{ ip }] });
}

type Claims = Readonly<Record<string, unknown>>;

/** With the API server's own key, as no attacker could: what it refuses it refuses for what the token says. */
async function resigned(folder: string, token: Buffer, change: (claims: Claims) => Claims): Promise<Buffer> {
  const [header = "", payload = ""] = token.toString("latin1").split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Claims;
  const text = `${header}.${Buffer.from(JSON.stringify(change(claims))).toString("base64url")}`;
  const key = await readFile(`${folder}/pki/token.key`, "utf8");
  const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return Buffer.from(`${text}.${signature.toString("base64url")}`);
}
