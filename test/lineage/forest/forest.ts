/** A cluster in which people, pipelines, controllers and agents launch things, and what they truly did is remembered beside it. */
import type { UserInfo } from "#operator/admission/origin/origin.ts";
import {
  BUILT_IN_KINDS,
  type OwnerKind,
  type Registry,
  accountName,
  registryOf,
} from "#operator/admission/origin/registry.ts";
import { controllerOf } from "#operator/admission/facts/registry.ts";
import { type KubeObject, NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS } from "#operator/kube/resource.ts";
import { type Api, type ApiOptions, endPod, openApi } from "./api.ts";
import { ACCOUNTS, type Account, type Actor, type PodTruth } from "./truth.ts";

export const SHOP = "shop";
const GITOPS = "gitops";
export const NODE = { name: "node-1", uid: "node-1-uid" };
const BOOT_ID = "boot-1";

const { Deployment: DEPLOYMENT, ReplicaSet: REPLICA_SET, Job: JOB, CronJob: CRON_JOB } = BUILT_IN_KINDS;

const registered = (kind: string, pool: boolean) => ({
  group: "sandbox.example",
  version: "v1",
  resource: `${kind.toLowerCase()}s`,
  kind,
  pool,
});
export const REGISTRY: Registry = registryOf([
  controllerOf({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "WorkloadController",
    metadata: { name: "sandboxes" },
    spec: {
      serviceAccount: { namespace: "sandbox-system", name: "keeper" },
      owns: [registered("WarmPool", true), registered("Sandbox", false), registered("SandboxClaim", false)],
      pods: "AtExchange",
    },
  }),
]);

export interface Known {
  readonly truth: PodTruth;
  readonly key: string;
}

const [POOL, SANDBOX, CLAIM] = (REGISTRY.get(accountName("sandbox-system", "keeper"))?.owns ?? []) as [
  OwnerKind,
  OwnerKind,
  OwnerKind,
];

interface Template {
  readonly spec: { readonly serviceAccountName: Account; readonly containers: readonly object[] };
}

export interface ForestOptions extends Pick<ApiOptions, "attributed"> {
  readonly nowMs: () => number;
}

export async function plantForest(options: ForestOptions): Promise<Forest> {
  const forest = new Forest(options);
  await forest.start();
  return forest;
}

export class Forest {
  readonly api: Api;
  readonly pods: Known[] = [];
  /** Whose a workload is: of who last wrote what its pods are made from. */
  readonly #authors = new Map<string, Actor>();
  readonly #deployments: string[] = [];
  readonly #cronJobs: string[] = [];
  readonly #sandboxes: { readonly key: string; readonly truth: PodTruth }[] = [];
  /** Of what controllers have made: the uid of what they made it from. */
  readonly #ownerOf = new Map<string, string>();
  #names = 0;

  constructor({ nowMs, attributed }: ForestOptions) {
    const more = attributed === undefined ? {} : { attributed };
    this.api = openApi({ registry: REGISTRY, nowMs, enforced: new Set([SHOP]), ...more });
  }

  async start(): Promise<void> {
    const place = (metadata: object): KubeObject["metadata"] => metadata as KubeObject["metadata"];
    for (const name of [SHOP, GITOPS]) {
      const labels = name === SHOP ? { "sallyport.dev/enforce": "" } : {};
      this.api.put(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: place({ name, labels }) });
    }
    for (const name of ACCOUNTS) {
      const metadata = place({ name, namespace: SHOP, uid: accountUid(name) });
      this.api.put(SERVICE_ACCOUNTS, { apiVersion: "v1", kind: "ServiceAccount", metadata });
    }
    const status = { nodeInfo: { bootID: BOOT_ID } };
    this.api.put(NODES, { apiVersion: "v1", kind: "Node", metadata: place(NODE), status } as KubeObject);
    const metadata = { name: "argo", namespace: GITOPS };
    await this.api.create(userOf({ kind: "person", name: "root" }), PODS, { metadata, spec: {} });
    const pool = { metadata: { name: "pool", namespace: SHOP }, spec: { size: 1 } };
    await this.api.create(userOf({ kind: "person", name: "root" }), POOL, pool);
  }

  /** `forged`: with owners and stamps that its maker would like it to have. */
  async launch(actor: Actor, account: Account, forged: Known | undefined): Promise<void> {
    const maker = forged?.truth;
    const annotations = {
      "sallyport.dev/author-from": "Owner",
      "sallyport.dev/author-user": "ada",
      "sallyport.dev/origin-user": "ada",
      ...(maker === undefined ? {} : { "sallyport.dev/author-pod-uid": maker.uid }),
    };
    const owners = this.api.list(JOB).map((job) => ownerReference(JOB, job));
    const metadata = forged === undefined ? {} : { annotations, ownerReferences: owners.slice(0, 1) };
    await this.#pod(userOf(actor), actor, templateOf(account, "app:1"), metadata);
  }

  async job(actor: Actor, account: Account): Promise<void> {
    const spec = { template: templateOf(account, "app:1") };
    await this.#workload(actor, JOB, spec);
  }

  async cronJob(actor: Actor, account: Account): Promise<void> {
    const spec = { jobTemplate: { spec: { template: templateOf(account, "app:1") } } };
    const made = await this.#workload(actor, CRON_JOB, spec);
    if (made !== undefined) this.#cronJobs.push(keyOf(made));
  }

  async deployment(actor: Actor, account: Account): Promise<void> {
    const made = await this.#workload(actor, DEPLOYMENT, {
      replicas: 1,
      template: templateOf(account, "app:1"),
    });
    if (made !== undefined) this.#deployments.push(keyOf(made));
  }

  /** Somebody's image and account, which may be those from before: a rollout that is undone. */
  async edit(actor: Actor, at: number, account: Account, version: number): Promise<void> {
    const template = templateOf(account, `app:${version % 3}`);
    await this.#change(actor, DEPLOYMENT, pick(this.#deployments, at), (spec) => ({ ...spec, template }));
    await this.#change(actor, CRON_JOB, pick(this.#cronJobs, at), (spec) => ({
      ...spec,
      jobTemplate: { spec: { template } },
    }));
  }

  async scale(actor: Actor, at: number, replicas: number): Promise<void> {
    const key = pick(this.#deployments, at);
    await this.#change(actor, DEPLOYMENT, key, (spec) => ({ ...spec, replicas }), false);
  }

  async fire(at: number): Promise<void> {
    const key = pick(this.#cronJobs, at);
    const cronJob = key === undefined ? undefined : this.api.get(CRON_JOB, key);
    if (cronJob === undefined) return;
    const { jobTemplate } = specOf(cronJob) as { readonly jobTemplate: { readonly spec: object } };
    const metadata = {
      name: this.#name(),
      namespace: SHOP,
      ownerReferences: [ownerReference(CRON_JOB, cronJob)],
    };
    const made = await this.api.create(controller("cronjob-controller"), JOB, {
      metadata,
      spec: jobTemplate.spec,
    });
    this.#inherit(made, cronJob);
  }

  /** A pod that is there before it is known who gets it. */
  async warm(account: Account): Promise<void> {
    const pool = this.api.get(POOL, `${SHOP}/pool`);
    const metadata = {
      name: this.#name(),
      namespace: SHOP,
      ...(pool && { ownerReferences: [ownerReference(POOL, pool)] }),
    };
    const sandbox = await this.api.create(keeper, SANDBOX, { metadata, spec: {} });
    if (sandbox === undefined) return;
    const known = await this.#pod(keeper, undefined, templateOf(account, "app:1"), {
      ownerReferences: [ownerReference(SANDBOX, sandbox)],
    });
    if (known !== undefined) this.#sandboxes.push({ key: keyOf(sandbox), truth: known.truth });
  }

  async claim(actor: Actor, at: number): Promise<void> {
    const found = pick(this.#sandboxes, at);
    if (found === undefined) return;
    const claim = await this.#workload(actor, CLAIM, {});
    if (claim !== undefined && (await this.#adopt(found.key, CLAIM, claim))) found.truth.maker = actor;
  }

  async release(at: number): Promise<void> {
    const found = pick(this.#sandboxes, at);
    const pool = this.api.get(POOL, `${SHOP}/pool`);
    if (found === undefined || pool === undefined) return;
    if (await this.#adopt(found.key, POOL, pool)) found.truth.maker = undefined;
  }

  end({ truth, key }: Known, how: "succeeded" | "deleted"): void {
    truth.isAlive = false;
    endPod(this.api, key, how);
  }

  /** What controllers do, until there is nothing more to do. */
  async reconcile(): Promise<void> {
    for (const deployment of this.api.list(DEPLOYMENT)) await this.#rollOut(deployment);
    for (const replicaSet of this.api.list(REPLICA_SET)) {
      const { replicas, template } = specOf(replicaSet) as {
        readonly replicas: number;
        readonly template: Template;
      };
      await this.#fill(REPLICA_SET, replicaSet, template, replicas, "replicaset-controller");
    }
    for (const job of this.api.list(JOB)) {
      const { template } = specOf(job) as { readonly template: Template };
      const hadOne = this.#ownedBy(job).length > 0;
      if (!hadOne) await this.#fill(JOB, job, template, 1, "job-controller");
    }
  }

  async #rollOut(deployment: KubeObject): Promise<void> {
    const { replicas, template } = specOf(deployment) as {
      readonly replicas: number;
      readonly template: Template;
    };
    const isOf = (each: KubeObject): boolean =>
      each.metadata.ownerReferences?.[0]?.uid === deployment.metadata.uid;
    const sets = this.api.list(REPLICA_SET).filter(isOf);
    const isCurrent = (set: KubeObject): boolean =>
      JSON.stringify((specOf(set) as { readonly template: Template }).template) === JSON.stringify(template);
    for (const set of sets) {
      const wanted = isCurrent(set) ? replicas : 0;
      if ((specOf(set) as { readonly replicas: number }).replicas === wanted) continue;
      const edit = (object: KubeObject) => ({
        ...object,
        spec: { ...(specOf(object) as object), replicas: wanted },
      });
      await this.api.change(controller("deployment-controller"), REPLICA_SET, keyOf(set), edit);
      if (isCurrent(set)) this.#inherit(set, deployment);
    }
    if (sets.some(isCurrent)) return;
    const ownerReferences = [ownerReference(DEPLOYMENT, deployment)];
    const metadata = { name: this.#name(), namespace: SHOP, ownerReferences };
    const spec = { replicas, template };
    this.#inherit(
      await this.api.create(controller("deployment-controller"), REPLICA_SET, { metadata, spec }),
      deployment,
    );
  }

  async #fill(
    kind: OwnerKind,
    owner: KubeObject,
    template: Template,
    wanted: number,
    as: string,
  ): Promise<void> {
    const living = this.#ownedBy(owner).filter(({ truth }) => truth.isAlive);
    for (const extra of living.slice(wanted)) this.end(extra, "deleted");
    const maker = this.#authors.get(owner.metadata.uid ?? "");
    for (let count = living.length; count < wanted; count += 1)
      await this.#pod(controller(as), maker, template, { ownerReferences: [ownerReference(kind, owner)] });
  }

  #ownedBy({ metadata: { uid } }: KubeObject): readonly Known[] {
    return this.pods.filter(({ truth }) => this.#ownerOf.get(truth.uid) === uid);
  }

  async #pod(
    user: UserInfo,
    maker: Actor | undefined,
    template: Template,
    metadata: Partial<KubeObject["metadata"]>,
  ): Promise<Known | undefined> {
    const status = { phase: "Running", podIPs: [{ ip: "10.0.0.1" }] };
    const draft = {
      metadata: { ...metadata, name: this.#name(), namespace: SHOP },
      spec: { ...template.spec, nodeName: NODE.name },
      status,
    };
    const made = await this.api.create(user, PODS, draft);
    if (made === undefined) return undefined;
    const { name, uid = "" } = made.metadata;
    const truth: PodTruth = { uid, name, account: template.spec.serviceAccountName, isAlive: true, maker };
    const known = { truth, key: keyOf(made) };
    this.pods.push(known);
    const owner = metadata.ownerReferences?.[0]?.uid;
    if (owner !== undefined && user.username !== undefined && REGISTRY.has(user.username))
      this.#ownerOf.set(truth.uid, owner);
    return known;
  }

  async #workload(actor: Actor, kind: OwnerKind, spec: object): Promise<KubeObject | undefined> {
    const made = await this.api.create(userOf(actor), kind, {
      metadata: { name: this.#name(), namespace: SHOP },
      spec,
    });
    if (made !== undefined) this.#authors.set(made.metadata.uid ?? "", actor);
    return made;
  }

  async #change(
    actor: Actor,
    kind: OwnerKind,
    key: string | undefined,
    edit: (spec: object) => object,
    isAuthorship = true,
  ): Promise<void> {
    const before = key === undefined ? undefined : this.api.get(kind, key);
    if (key === undefined || before === undefined) return;
    const spec = edit(specOf(before) as object);
    const isChanged = JSON.stringify(spec) !== JSON.stringify(specOf(before));
    if (!isChanged || !(await this.api.change(userOf(actor), kind, key, (object) => ({ ...object, spec }))))
      return;
    if (isAuthorship) this.#authors.set(before.metadata.uid ?? "", actor);
  }

  #adopt(key: string, kind: OwnerKind, owner: KubeObject): Promise<boolean> {
    const ownerReferences = [ownerReference(kind, owner)];
    return this.api.change(keeper, SANDBOX, key, (object) => ({
      ...object,
      metadata: { ...object.metadata, ownerReferences },
    }));
  }

  #inherit(made: KubeObject | undefined, from: KubeObject): void {
    const author = this.#authors.get(from.metadata.uid ?? "");
    if (made !== undefined && author !== undefined) this.#authors.set(made.metadata.uid ?? "", author);
  }

  #name(): string {
    this.#names += 1;
    return `n${this.#names}`;
  }
}

export function accountUid(name: string): string {
  return `uid-of-${name}`;
}

function templateOf(serviceAccountName: Account, image: string): Template {
  return { spec: { serviceAccountName, containers: [{ name: "app", image }] } };
}

/** -1 is the last one. */
export function pick<Item>(items: readonly Item[], at: number): Item | undefined {
  return items.length === 0 ? undefined : items.at(at % items.length);
}

const specOf = (object: KubeObject): unknown => (object as { readonly spec?: unknown }).spec;
const keyOf = ({ metadata: { namespace, name } }: KubeObject): string => `${namespace}/${name}`;

function ownerReference({ group, version, kind }: OwnerKind, { metadata: { name, uid = "" } }: KubeObject) {
  return { apiVersion: group === "" ? version : `${group}/${version}`, kind, name, uid, controller: true };
}

const controller = (name: string): UserInfo => ({ username: accountName("kube-system", name) });
const bound = (namespace: string, account: string, pod: string, uid: string): UserInfo => ({
  username: accountName(namespace, account),
  uid: accountUid(account),
  groups: ["system:serviceaccounts"],
  extra: {
    "authentication.kubernetes.io/pod-name": [pod],
    "authentication.kubernetes.io/pod-uid": [uid],
    "authentication.kubernetes.io/node-name": [NODE.name],
  },
});
const keeper = bound("sandbox-system", "keeper", "keeper-1", "0e0e0e0e-0000-4000-8000-000000000000");

function userOf(actor: Actor): UserInfo {
  if (actor.kind === "person") return { username: actor.name, groups: ["people"] };
  if (actor.kind === "ci") return { username: `ci:${actor.name}`, groups: ["pipelines"] };
  if (actor.kind === "controller")
    return bound(GITOPS, "argo", "argo", "0a0a0a0a-0000-4000-8000-000000000000");
  const { uid, name, account } = actor.pod;
  return bound(SHOP, account, name, uid);
}
