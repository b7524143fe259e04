/** A family of agents: what each may do by its own policies, what each hands on, and how one launches another from within its pod. */
import type { KubernetesObject, V1Job } from "@kubernetes/client-node";
import { findClients } from "#tools/cluster/clients.ts";
import { psql } from "./orders.ts";
import { job } from "./pods.ts";
import type { Release } from "./release.ts";
import { until } from "./until.ts";

export const SHOP = "shop";
/** From the top down; each is a service account, and each below is launched by the one before. */
export const FAMILY = ["planner", "summariser", "fetcher"] as const;
export type Account = (typeof FAMILY)[number];

/** What is asked of the database, and by which table or statement it is told apart. */
export const QUESTIONS = {
  orders: "select status from orders where id = 1",
  customers: "select name from customers where id = 1",
  insert: "insert into orders values ((random() * 1000000000)::int, 1, 'open')",
} as const;
export type Question = keyof typeof QUESTIONS;
/** By its own policies each account may do all of it. This is what it lets those below do. */
export const HANDS_ON = {
  planner: ["orders", "customers"],
  summariser: ["orders"],
  fetcher: [],
} as const satisfies Record<Account, readonly Question[]>;

const kind = (name: string, of: string, spec: object): KubernetesObject & { spec: object } => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: of,
  metadata: { namespace: SHOP, name },
  spec,
});

const cluster = kind("cluster", "Connection", {
  protocol: "kubernetes",
  address: { host: "10.96.0.1", port: 443 },
  credential: { mode: "minted", source: { kubernetesToken: {} } },
  kubernetes: {},
});

const VERBS = ["get", "list", "watch", "create", "patch"];
const RESOURCES = ["pods", "jobs.batch", "deployments.apps", "deployments.apps/scale"];

const RULES = {
  orders: { preset: "readOnly", tables: ["public.orders"] },
  customers: { preset: "readOnly", tables: ["public.customers"] },
  insert: { statements: ["insert"], tables: ["public.orders"] },
} as const satisfies Record<Question, object>;

function policies(account: Account): readonly KubernetesObject[] {
  const handsOn: readonly Question[] = HANDS_ON[account];
  const subjects = [{ serviceAccount: { name: account }, launchedBy: { kind: "ci" } }];
  const rule = (name: Question) => ({
    name,
    delegate: handsOn.includes(name) ? "also" : "no",
    postgres: RULES[name],
  });
  const launch = { verbs: VERBS, resources: RESOURCES, namespaces: [SHOP] };
  return [
    kind(`${account}-data`, "SecretAccessPolicy", {
      subjects,
      connections: { names: ["orders-db"] },
      allow: [rule("orders"), rule("customers"), rule("insert")],
    }),
    kind(`${account}-launches`, "SecretAccessPolicy", {
      subjects,
      connections: { names: ["cluster"] },
      allow: [{ name: "launch", delegate: "also", kubernetes: launch }],
    }),
  ];
}

export async function permitFamily({ kubectl, apply }: Release, pipeline: string): Promise<void> {
  for (const account of FAMILY) await kubectl(`create serviceaccount ${account} --namespace ${SHOP}`);
  // More than policy lets through, so that it is policy that counts.
  await kubectl(
    `create role launch --namespace ${SHOP} --verb=${VERBS},delete --resource=${RESOURCES},secrets,configmaps`,
  );
  const accounts = FAMILY.map((account) => `--serviceaccount=${SHOP}:${account}`).join(" ");
  await kubectl(`create rolebinding launch --namespace ${SHOP} --role=launch --user=${pipeline} ${accounts}`);
  await apply(cluster, ...FAMILY.flatMap(policies));
  const inForce = `--namespace ${SHOP} --timeout=50s`;
  await kubectl(`wait connection/orders-db --for=condition=Ready ${inForce}`);
  await kubectl(`wait secretaccesspolicies --all --for=condition=Enforced ${inForce}`);
}

/** Stands still until it is told to be done. */
export const DONE = "/tmp/done";
export function agentJob(name: string, account: Account): V1Job & KubernetesObject {
  const made = job(SHOP, name, `until [ -e ${DONE} ]; do sleep 0.2; done`);
  const pod = made.spec?.template.spec;
  if (pod === undefined) throw new TypeError("a Job has a pod");
  pod.serviceAccountName = account;
  pod.containers = pod.containers.map((container) => ({ ...container, name: "agent" }));
  return made;
}

/** The one pod that is selected so, when it is ready. */
export async function readyPod({ kubectl }: Release, selector: string): Promise<string> {
  const selected = `get pods --namespace ${SHOP} --selector=${selector} --output=jsonpath={.items[*].metadata.name}`;
  let name = "";
  await until(`there is a pod ${selector}`, async () => (name = await kubectl(selected)) !== "");
  await kubectl(`wait pod ${name} --namespace ${SHOP} --for=condition=Ready --timeout=120s`);
  return name;
}

/** A Job's pod, when it runs and has kubectl, which is the ordinary one. */
export async function podOf(release: Release, jobName: string): Promise<string> {
  const name = await readyPod(release, `job-name=${jobName}`);
  await release.sh(
    `kubectl exec --stdin --namespace ${SHOP} ${name} --container=agent -- sh -c 'cat > /tmp/kubectl && chmod +x /tmp/kubectl' < ${findClients().kubectl}`,
  );
  return name;
}

/** What kubectl in a pod says of it, refusals included. */
export function kubectlIn(
  { inAgent }: Release,
  pod: string,
  words: string,
  ...items: readonly object[]
): Promise<string> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const stdin = Buffer.from(items.length === 1 ? JSON.stringify(items[0]) : list).toString("base64");
  return inAgent(SHOP, pod, `echo ${stdin} | base64 -d | HOME=/tmp /tmp/kubectl ${words} 2>&1; true`);
}

export const ask = ({ inAgent }: Release, pod: string, question: Question): Promise<string> =>
  inAgent(SHOP, pod, `${psql(`--quiet --command="${QUESTIONS[question]}"`)} 2>&1; true`);
