/** Kinds like those of agent-sandbox, and what its controller does: claims get sandboxes, sandboxes pods; a pool keeps some ready. */
import type { KubeConfig } from "@kubernetes/client-node";
import { type Kube, openKube } from "#operator/kube/client.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type KubeObject,
  objectKey,
  PODS,
  type Pod,
  type Resource,
} from "#operator/kube/resource.ts";
import { forever, until, type World } from "#test/webhook/support/world.ts";

export type Custom = KubeObject & { readonly spec?: unknown };

const GROUP = "agents.test.sallyport.example";
const custom = (plural: string, kind: string): Resource<Custom> => {
  return { group: GROUP, version: "v1", plural, kind, namespaced: true };
};
export const SANDBOXES = custom("sandboxes", "Sandbox");
export const CLAIMS = custom("sandboxclaims", "SandboxClaim");
export const POOLS = custom("sandboxwarmpools", "SandboxWarmPool");
const KINDS = [SANDBOXES, CLAIMS, POOLS];

const call = { signal: forever };
const labels = { app: "sandbox" };
const podSpec = { containers: [{ name: "app", image: "app" }] };
export const podTemplate = { metadata: { labels }, spec: podSpec };

/** As a WorkloadController's `owns` has them. */
export const OWNS = [
  { ...rowOf(SANDBOXES), templatePaths: ["spec.podTemplate"] },
  rowOf(CLAIMS),
  { ...rowOf(POOLS), pool: true },
];

function rowOf({ group, version, plural, kind }: Resource<Custom>) {
  return { group, version, resource: plural, kind };
}

/** The kinds, and rights on them for the controller, the two programs of ours, and agents. */
export async function installSandboxes({ kube, api }: World): Promise<void> {
  for (const resource of KINDS) await kube.create(CUSTOM_RESOURCE_DEFINITIONS, definition(resource), call);
  const resources = KINDS.map(({ plural }) => `${plural}.${GROUP}`).join(",");
  await until("the kinds are served", async () => {
    const found = await api.kubectl(["get", resources, "-A"]);
    return found.code === 0 ? true : undefined;
  });
  const words = ["--verb=*", `--resource=pods,${resources}`];
  for (const command of [
    ["clusterrole", "sandboxes", ...words],
    ["clusterrolebinding", "sandboxes", "--clusterrole=sandboxes", "--group=system:serviceaccounts"],
  ]) {
    const { code, stderr } = await api.kubectl(["create", ...command]);
    if (code !== 0) throw new Error(stderr);
  }
}

function definition({ group, version, plural, kind }: Resource<Custom>) {
  const schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { plural, kind, listKind: `${kind}List`, singular: kind.toLowerCase() },
      scope: "Namespaced",
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  } as const;
}

export interface SandboxController extends Disposable {
  readonly kube: Kube;
  /** A sandbox for its owner, which is a claim or a pool. */
  sandbox(owner: Custom, name: string): Promise<Custom>;
  pod(owner: Custom, name: string): Promise<Pod>;
  /** What becomes of a sandbox that was kept ready. */
  adopt(sandbox: Custom, claim: Custom): Promise<Custom>;
}

export function sandboxController(config: KubeConfig): SandboxController {
  const kube = openKube(config);
  const place = (owner: Custom, name: string) => {
    const { namespace = "" } = owner.metadata;
    return { name, namespace, labels, ownerReferences: [referenceTo(owner)] };
  };
  return {
    kube,
    sandbox: (owner, name) =>
      kube.create(SANDBOXES, { metadata: place(owner, name), spec: { podTemplate, replicas: 1 } }, call),
    pod: (owner, name) => kube.create(PODS, { metadata: place(owner, name), spec: podSpec }, call),
    adopt: ({ metadata: { namespace, name } }, claim) =>
      kube.patch(
        SANDBOXES,
        objectKey(namespace, name),
        [{ op: "replace", path: "/metadata/ownerReferences", value: [referenceTo(claim)] }],
        call,
      ),
    [Symbol.dispose]: () => kube[Symbol.dispose](),
  };
}

export function referenceTo({ apiVersion, kind, metadata: { name, uid = "" } }: Custom) {
  return { apiVersion, kind, name, uid, controller: true };
}
