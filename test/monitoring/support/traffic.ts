/** Agents that ask for what they may and for what they may not, and everything else that a dashboard is about, on an installed release. */
import assert from "node:assert/strict";
import { psql } from "#test/installed/support/orders.ts";
import { pod, sleeper, spec } from "#test/installed/support/pods.ts";
import type { Release } from "#test/installed/support/release.ts";
import { until } from "#test/installed/support/until.ts";

const SHOP = "shop";
const POLICY = `secretaccesspolicy/reporting --namespace ${SHOP}`;

/** An agent and one that it has launched, as its token shows; both may read orders. */
export async function launchFamily(release: Release): Promise<void> {
  await release.kubectl(`wait connection/orders-db --namespace ${SHOP} --for=condition=Ready --timeout=120s`);
  await release.kubectl(`create role launch --namespace ${SHOP} --verb=create,get --resource=pods`);
  await release.kubectl(
    `create rolebinding launch --namespace ${SHOP} --role=launch --serviceaccount=${SHOP}:default`,
  );
  await release.apply(pod(SHOP, "planner", spec([sleeper()])));
  await release.kubectl(`wait pod planner --namespace ${SHOP} --for=condition=Ready --timeout=180s`);
  const token = await release.kubectl(
    `create token default --namespace ${SHOP} --bound-object-kind=Pod --bound-object-name=planner`,
  );
  await release.sh(
    `kubectl run summarise --kubeconfig=/dev/null --server=${release.node.url} --insecure-skip-tls-verify \\
      --token=${token.trim()} --namespace ${SHOP} --image=${release.agent} -- sleep infinity`,
  );
  await release.kubectl(`wait pod summarise --namespace ${SHOP} --for=condition=Ready --timeout=180s`);
  const ask = `${psql("--command='select 1'")} 2>&1; true`;
  await until("refused what was not handed on", async () =>
    (await release.inAgent(SHOP, "summarise", ask, "summarise")).includes("DENY_NOT_DELEGATED"),
  );
  const handOn = JSON.stringify([{ op: "add", path: "/spec/allow/0/delegate", value: "also" }]);
  await release.sh(`kubectl patch ${POLICY} --type=json --patch '${handOn}'`);
  await until("served what is handed on", async () =>
    /^1$/m.test(await release.inAgent(SHOP, "summarise", ask, "summarise")),
  );
}

/** Once: another policy, an object that breaks a rule, and somebody at the admission port who asks for what there is not. */
export async function provoke(release: Release): Promise<void> {
  // More than once: what is counted for the first time has no rate either.
  for (const value of ["Name the rows.", "Name the rows, please.", "Name them."]) {
    const change = JSON.stringify([{ op: "replace", path: "/spec/deny/0/reason", value }]);
    await release.sh(`kubectl patch ${POLICY} --type=json --patch '${change}'`);
    await release.kubectl(`wait ${POLICY} --for=condition=Enforced --timeout=60s`);
  }
  const bad = JSON.stringify(pod(SHOP, "bad", spec([sleeper({ name: "gw" })])));
  const { code } = await release.run(`kubectl create --filename=- <<'POD'\n${bad}\nPOD`);
  assert.notEqual(code, 0, "a container with the gateway's name was let in");
  const operators = "get pods --namespace sallyport-system --selector=app.kubernetes.io/component=operator";
  const addresses = await release.kubectl(`${operators} --output=jsonpath={.items[*].status.podIP}`);
  for (const address of addresses.split(" "))
    assert.equal(
      await release.sh(
        `curl --silent --insecure --output /dev/null --write-out '%{http_code}' https://${address}:9443/nothing`,
      ),
      "405",
    );
}

/** Now more, now less, until then. */
export async function keepAsking(release: Release, seconds: number): Promise<void> {
  const script = (pauseS: number) => `
    one="select name, email from customers where id = 1"
    while [ $SECONDS -lt ${seconds} ]; do
      for _ in $(seq $((1 + SECONDS / 20 % 3))); do
        ${psql('--command="$one" --command="select status from orders" --command="select pg_sleep(0.2)"')}
      done
      ${psql("--command='drop table orders' --command='select 1'")}
      curl --silent --max-time 5 http://192.0.2.77/
      sleep ${pauseS}
    done >/dev/null 2>&1
    true`;
  await Promise.all([
    release.inAgent(SHOP, "planner", script(0.2)),
    release.inAgent(SHOP, "summarise", script(1), "summarise"),
  ]);
}
