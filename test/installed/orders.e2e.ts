/**
 * An agent's way to a database without a password, and what becomes of it when something changes, ends or is killed. The database, the
 * Connection and the policy are the README's.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KubernetesObject } from "@kubernetes/client-node";
import { ANNOTATIONS } from "#operator/names.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { placesWith, storedUnder } from "./support/canary.ts";
import { containerOf } from "./support/containers.ts";
import { type Live, openLive } from "./support/live.ts";
import {
  MINTER_PASSWORD,
  POLICY,
  asOwner,
  inDatabase,
  mintedRoles,
  mintedSessions,
  psql,
  psqlOfAgent,
} from "./support/orders.ts";
import { makeAuthority } from "#tools/world/certificates.ts";
import { pod, sleeper, spec } from "./support/pods.ts";
import { type Release, installRelease } from "./support/release.ts";
import { until } from "./support/until.ts";

const SHOP = "shop";
const SYSTEM = "sallyport-system";
const ONE = "select name, email from customers where id = 1";
const STATIC = "orders-static";
const READER_PASSWORD = "for-the-reader";
const CHANGED = [
  { op: "replace", path: "/spec/allow/0/postgres/tables", value: ["public.orders"] },
  { op: "remove", path: "/spec/mask" },
];

const authority = makeAuthority();

describe("an agent and a database", { skip: skipWithoutNodeTier() }, () => {
  let release: Release;
  before(async () => {
    release = await installRelease();
    await release.kubectl(
      `wait connection/orders-db --namespace ${SHOP} --for=condition=Ready --timeout=60s`,
    );
    for (const account of ["other", "launcher"])
      await release.kubectl(`create serviceaccount ${account} --namespace ${SHOP}`);
    await release.kubectl(`create role launch --namespace ${SHOP} --verb=create,get --resource=pods`);
    await release.kubectl(
      `create rolebinding launch --namespace ${SHOP} --role=launch --serviceaccount=${SHOP}:launcher`,
    );
    await release.apply(
      ...["one", "two", "three"].map((name) => pod(SHOP, name, spec([sleeper()]))),
      pod(SHOP, "parent", { ...spec([sleeper()]), serviceAccountName: "launcher" }),
      pod(SHOP, "other", { ...spec([sleeper()]), serviceAccountName: "other" }),
    );
    await release.kubectl(`wait --namespace ${SHOP} --for=condition=Ready pods --all --timeout=120s`);
  });
  after(() => release?.[Symbol.asyncDispose]());

  const session = (of: string): Promise<Live> => openLive(release, SHOP, of);
  const patch = (operations: readonly object[]): Promise<string> =>
    release.sh(
      `kubectl patch ${POLICY} --namespace ${SHOP} --type=json --patch '${JSON.stringify(operations)}'`,
    );
  const enforced = (): Promise<string> =>
    release.kubectl(`wait ${POLICY} --namespace ${SHOP} --for=condition=Enforced --timeout=60s`);

  test("psql as ever: rows with a masked column; no dump, no DROP, in words that say why", async () => {
    assert.equal(await release.sh(psqlOfAgent(ONE.replace("1", "2"))), "Chen Costa|***\n");
    const dump = await release.run(psqlOfAgent("copy customers to stdout"));
    assert.match(dump.output, /ERROR: {2}This reads a whole table.*\n.*DENY_RULE, rule reporting\/no-dumps/);
    const drop = await release.run(psqlOfAgent("drop table orders"));
    assert.match(drop.output, /ERROR: {2}no rule allows this: ddl on public.orders\n.*DENY_NO_RULE/);
    assert.equal(await asOwner(release, "select count(*) from orders"), "3\n", "it is still there");
  });

  test("so does an ordinary driver, with the strictest TLS and no configuration of its own", async () => {
    const program = `
import psycopg2
with psycopg2.connect(host="orders-db.shop", dbname="shop", sslmode="verify-full") as connection:
    with connection.cursor() as cursor:
        cursor.execute("select id, email from customers where id = any(%s) order by id", ([1, 2],))
        print(cursor.fetchall())
        try:
            cursor.execute("select email from customers")
        except psycopg2.errors.InsufficientPrivilege as error:
            print(error.diag.message_detail)
`;
    assert.equal(
      await release.inAgent(SHOP, "one", `python3 - <<'PROGRAM'\n${program}\nPROGRAM`),
      "[(1, '***'), (2, '***')]\nRefused by the gateway: DENY_RULE, rule reporting/no-dumps.\n",
    );
  });

  test("a pod of another service account gets nothing, and learns nothing of it", async () => {
    const refused = await release.inAgent(SHOP, "other", `${psql("--command='select 1'")} 2>&1; true`);
    assert.match(refused, /could not translate host name/);
    const address = await release.inAgent(SHOP, "one", "getent ahostsv4 orders-db.shop | head -1");
    const direct = psql(`--host=${address.split(" ")[0]} --command='select 1'`);
    assert.match(await release.inAgent(SHOP, "other", `${direct} 2>&1; true`), /DESTINATION_UNKNOWN/);
    const told = await release.inAgent(SHOP, "other", "curl --silent http://sallyport.internal/");
    assert.match(told, /identity: service account shop\/other in pod other\nconnections: none\n/);
  });

  test("an edit of the policy holds in sessions that are open, as soon as it is said to be in force", async () => {
    await using live = await session("one");
    assert.equal(await live.ask(ONE), "Ada Becker|***\n");
    await patch(CHANGED);
    await enforced();
    assert.match(await live.ask(ONE), /^ERROR: {2}no rule allows this: read on public.customers\n/);
    assert.equal(await live.ask("select status from orders where id = 1"), "paid\n");
    await release.kubectl("apply --filename examples/kubernetes/orders.yaml");
    await enforced();
    assert.equal(await live.ask(ONE), "Ada Becker|***\n", "the same session, with what it may again");
  });

  test("a pod is deleted: its session ends on the server and its role is gone", async () => {
    const live = await session("two");
    assert.equal(await live.ask(ONE), "Ada Becker|***\n");
    assert.match(await mintedSessions(release), /^sp_orders_db_\w+\n/);
    await release.kubectl(`delete pod two --namespace ${SHOP} --wait=false`);
    await until("the role is gone", async () => (await mintedRoles(release)) === "");
    assert.equal(await mintedSessions(release), "");
  });

  test("the broker that serves is killed: sessions go on, and new ones are served", async () => {
    await using live = await session("one");
    assert.equal(await live.ask(ONE), "Ada Becker|***\n");
    const serving = await brokerOf(release, "one");
    await (await containerOf(release, SYSTEM, serving, "broker")).kill();
    await until("the next session is served", async () => {
      const next = await live.agent.run(`${psql(`--command="${ONE}"`)} 2>&1; true`);
      return next === "Ada Becker|***\n";
    });
    // With the other replica, or with the one that starts again.
    assert.equal(await live.ask(ONE), "Ada Becker|***\n");
    await release.kubectl(`wait pod ${serving} --namespace ${SYSTEM} --for=condition=Ready --timeout=60s`);
  });

  test("the API server is killed: open sessions go on, new ones are refused until it is back", async () => {
    await using live = await session("three");
    assert.equal(await live.ask(ONE), "Ada Becker|***\n");
    const anew = (): Promise<string> => live.agent.run(`${psql(`--command="${ONE}"`)} 2>&1; true`);
    await release.node.kill();
    try {
      assert.equal(await live.ask(ONE), "Ada Becker|***\n");
      assert.match(await anew(), /Refused by the gateway: POD_UNCHECKED/);
    } finally {
      await release.node.restart();
    }
    await until("a new session is served", async () => (await anew()) === "Ada Becker|***\n");
    assert.equal(await live.ask(ONE), "Ada Becker|***\n");
  });

  test("a pod that another pod has made gets nothing that its maker does not hand on, whatever its service account may", async () => {
    const token = await release.kubectl(
      `create token launcher --namespace ${SHOP} --bound-object-kind=Pod --bound-object-name=parent`,
    );
    await release.sh(
      `kubectl run child --kubeconfig=/dev/null --server=${release.node.url} --insecure-skip-tls-verify --token=${token.trim()} \\
        --namespace ${SHOP} --image=${release.agent} -- sleep infinity`,
    );
    await release.kubectl(`wait pod child --namespace ${SHOP} --for=condition=Ready --timeout=60s`);
    const asked = `${psql("--command='select 1'")} 2>&1; true`;
    await until("its gateway is enrolled", async () =>
      /DENY_NOT_DELEGATED/.test(await release.inAgent(SHOP, "child", asked, "child")),
    );
  });

  test("brokers are replaced by an upgrade: sessions go on, with a password and with a minted role", async () => {
    await giveTls(release);
    await release.apply(...staticConnection(authority.certPem));
    await release.kubectl(
      `wait connection/${STATIC} --namespace ${SHOP} --for=condition=Ready --timeout=60s`,
    );
    const at = `--host=${STATIC}.shop`;
    await until(
      "names are known",
      async () => (await release.inAgent(SHOP, "one", `getent hosts ${STATIC}.shop; true`)) !== "",
    );
    await using live = await openLive(release, SHOP, "one", at);
    const how =
      "select usename, ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'reader'";
    assert.equal(await live.ask(ONE), "Ada Becker|ada@example.com\n");
    await using minted = await session("three");
    assert.equal(await minted.ask(ONE), "Ada Becker|***\n");
    assert.match(await asOwner(release, how), /^(reader\|t\n)+$/, "verified TLS, all the way");
    const replicas =
      "get pods --selector=app.kubernetes.io/component=broker --output=jsonpath={.items[*].metadata.uid}";
    const before = (await release.kubectl(`${replicas} --namespace ${SYSTEM}`)).split(" ");
    await release.sh(
      `helm upgrade sallyport charts/sallyport --namespace ${SYSTEM} --reuse-values --set=broker.logLevel=debug --wait`,
    );
    await release.kubectl(`rollout status statefulset/sallyport-broker --namespace ${SYSTEM} --timeout=120s`);
    const after = await release.kubectl(`${replicas} --namespace ${SYSTEM}`);
    assert.ok(
      before.every((uid) => !after.includes(uid)),
      "every one of them",
    );
    assert.equal(await live.ask(ONE), "Ada Becker|ada@example.com\n", "the same session");
    assert.equal(await minted.ask(ONE), "Ada Becker|***\n", "so has this one");
    assert.equal(await release.sh(psqlOfAgent(ONE)), "Ada Becker|***\n", "and the next is served");
  });

  test("what opens the database is nowhere that an agent or a reader of logs could find it", async () => {
    for (const password of [MINTER_PASSWORD, READER_PASSWORD])
      assert.deepEqual(await placesWith(release, password), []);
    // The second is what the database itself is made from.
    assert.deepEqual(await storedUnder(release, MINTER_PASSWORD), [
      "/registry/configmaps/data/orders-db",
      "/registry/secrets/shop/orders-db",
    ]);
    assert.deepEqual(await storedUnder(release, READER_PASSWORD), [`/registry/secrets/shop/${STATIC}`]);
  });
});

/** The pod of the broker that the gateway of an agent's pod speaks to, by what both log. */
async function brokerOf({ kubectl }: Release, agent: string): Promise<string> {
  const log = await kubectl(`logs --namespace ${SHOP} ${agent} --container=gw --tail=-1`);
  const broker = /"connected to the broker".*"broker":"(\w+)"/.exec(
    log.split("\n").findLast((line) => line.includes('"connected to the broker"')) ?? "",
  )?.[1];
  assert.ok(broker !== undefined, log);
  for (const pod of ["sallyport-broker-0", "sallyport-broker-1"])
    if ((await kubectl(`logs --namespace ${SYSTEM} ${pod} --tail=-1`)).includes(`"broker":"${broker}"`))
      return pod;
  throw new Error(`no replica is ${broker}`);
}

/** The README's server has no certificate, and knows no password of an agent's own. */
async function giveTls(release: Release): Promise<void> {
  const { certPem, keyPem } = authority.issue("orders-db.data.svc");
  const script = `umask 077; cd "$PGDATA"; printf %s '${certPem}' >server.crt; printf %s '${keyPem}' >server.key`;
  await inDatabase(release, script);
  await asOwner(release, `create role reader login password '${READER_PASSWORD}'`);
  await asOwner(release, "grant shop_agent to reader");
  await asOwner(release, "alter system set ssl = on");
  await asOwner(release, "select pg_reload_conf()");
  await until("the server speaks TLS", async () => (await asOwner(release, "show ssl")) === "on\n");
}

function staticConnection(ca: string): KubernetesObject[] {
  const metadata = { namespace: SHOP, name: STATIC };
  const host = "orders-db.data.svc";
  const usable = { [ANNOTATIONS.usableBy]: `${STATIC}@${host}` };
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...metadata, annotations: usable },
    data: { password: Buffer.from(READER_PASSWORD).toString("base64") },
  };
  const connection = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Connection",
    metadata,
    spec: {
      protocol: "postgres",
      address: { host, port: 5432 },
      reachedAs: [{ host: `${STATIC}.shop` }],
      tls: { ca: { configMap: { name: STATIC, key: "ca.pem" } } },
      credential: { mode: "static", source: { secret: { name: STATIC, key: "password" } } },
      postgres: { database: "shop", user: "reader" },
    },
  };
  const policy = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata,
    spec: {
      subjects: [{ serviceAccount: { name: "default" } }],
      connections: { names: [STATIC] },
      allow: [{ name: "read", postgres: { preset: "readOnly", tables: ["public.*"] } }],
    },
  };
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.pem": ca } } as KubernetesObject,
    secret,
    connection,
    policy,
  ];
}
