/** kubectl as it is, a real API server, and the gateway between them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { until } from "#test/gateway/support/in-process.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { type Through, accountIn, through } from "./support/rig.ts";

const EVERYTHING = { verbs: ["*"], resources: ["*"] };

describe("kubectl through the gateway", { skip: skipWithoutApiTier() }, () => {
  let api: ApiTier;
  let namespace: string;
  let token: string;
  before(async () => {
    api = await startApiTier();
    namespace = await api.namespace();
    token = await accountIn(api, namespace);
  });
  after(() => api[Symbol.asyncDispose]());

  test("works as it does without, and every request is on record", async (context) => {
    const rig = await through(context, api, {
      token,
      rules: { allow: [{ name: "all", kubernetes: EVERYTHING }] },
    });
    const manifest = JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings", namespace },
      data: { colour: "green" },
    });
    const applied = await rig.kubectl(["apply", "--filename", "-"], { stdin: manifest });
    assert.equal(applied.stdout, "configmap/settings created\n", applied.stderr);
    const got = await rig.kubectl([
      "get",
      "configmap",
      "settings",
      "-n",
      namespace,
      "-o",
      "jsonpath={.data.colour}",
    ]);
    assert.equal(got.stdout, "green", got.stderr);
    const listed = await rig.kubectl(["get", "configmaps", "-n", namespace]);
    assert.match(listed.stdout, /^settings +1 /m, listed.stderr);
    const job = await rig.kubectl(["create", "job", "work", "--image=none", "-n", namespace]);
    assert.equal(job.stdout, "job.batch/work created\n", job.stderr);
    const gone = await rig.kubectl(["delete", "configmap", "settings", "-n", namespace]);
    assert.match(gone.stdout, /^configmap "settings" deleted/, gone.stderr);
    const accesses = (await rig.events()).flatMap(({ kind, accesses }) =>
      kind === "request" ? accesses : [],
    );
    for (const access of [
      `get configmaps ${namespace}/settings`,
      `create configmaps in ${namespace}`,
      `list configmaps in ${namespace}`,
      `create jobs.batch in ${namespace}`,
      `delete configmaps ${namespace}/settings`,
    ])
      assert.ok((accesses as string[]).includes(access), `${access} in ${JSON.stringify(accesses)}`);
  });

  test("says what it was refused, in words of the API server's kind", async (context) => {
    const rules = {
      allow: [
        {
          name: "read",
          kubernetes: { verbs: ["get", "list"], resources: ["configmaps"], namespaces: [namespace] },
        },
      ],
      deny: [{ name: "no-deletes", reason: "Nothing is deleted here.", kubernetes: { verbs: ["delete"] } }],
    };
    const rig = await through(context, api, { token, rules });
    assert.equal((await rig.kubectl(["get", "configmaps", "-n", namespace])).code, 0);
    const elsewhere = await rig.kubectl(["get", "configmaps", "-n", "kube-system"]);
    assert.equal(elsewhere.code, 1);
    assert.match(
      elsewhere.stderr,
      /^Error from server \(Forbidden\): no rule allows this: list configmaps in kube-system \(Sallyport: DENY_NO_RULE, sallyport:[\w-]{22}\/\d+\)\n$/,
    );
    const deleted = await rig.kubectl(["delete", "configmap", "any", "-n", namespace]);
    assert.match(
      deleted.stderr,
      /^Error from server \(Forbidden\): Nothing is deleted here\. \(Sallyport: DENY_RULE, rule agents\/no-deletes, /,
    );
    const minted = await rig.kubectl(["create", "token", "agent", "-n", namespace]);
    assert.match(
      minted.stderr,
      /^error: failed to create token: no rule allows this: create serviceaccounts\/token .*, and none can: it makes credentials/,
    );
  });

  test("says so too while kubectl still asks what there is", async (context) => {
    const everything = { allow: [{ name: "all", kubernetes: EVERYTHING }] };
    const rig = await through(context, api, { token, rules: everything });
    const get = ["get", "configmaps", "-n", namespace];
    const [answers, never] = [mkdtempSync(join(tmpdir(), "sallyport-discovered-")), "--cache-dir=/dev/null"];
    context.after(() => rmSync(answers, { recursive: true }));
    const known = `--cache-dir=${answers}`;
    assert.equal((await rig.kubectl([...get, known])).code, 0);
    // Of what it has looked up before it asks at once; otherwise the first question is what the API has.
    for (const cache of [known, never]) {
      const as = await rig.kubectl([...get, cache, "--as=system:admin"]);
      assert.match(
        as.stderr,
        /Forbidden\): no rule allows this: impersonation of system:admin, and none can: who asks is found out .*; ask without it \(kubectl: leave out --as\) \(Sallyport: DENY_NO_RULE, sallyport:/,
      );
    }
    assert.equal((await rig.kubectl([...get, never])).code, 0);
    const seen = (await rig.events()).flatMap((event) =>
      event["kind"] === "request" ? event["accesses"] : [],
    );
    assert.ok((seen as string[]).includes("impersonation of system:admin"));
    const nobody = await through(context, api, {
      token,
      rules: { ...everything, deny: [{ name: "closed", reason: "Ask in the morning.", kubernetes: {} }] },
    });
    const refused = await nobody.kubectl([...get, never]);
    assert.match(
      refused.stderr,
      /Forbidden\): Ask in the morning\. \(Sallyport: DENY_RULE, rule agents\/closed\)/,
    );
  });

  test("a watch shows what happens, and ends within a second of the edit that forbids it", async (context) => {
    const rules = { allow: [{ name: "all", kubernetes: EVERYTHING }] };
    const rig = await through(context, api, { token, rules });
    const stop = new AbortController();
    const watched = rig.kubectl(["get", "configmaps", "-n", namespace, "--watch-only"], {
      signal: stop.signal,
    });
    await untilWatching(rig);
    await api.kubectl(["create", "configmap", "seen", "-n", namespace]);
    const requests = await rig.events();
    assert.ok(requests.length > 0);
    await rig.applied(() =>
      rig.write("policies.yaml", {
        apiVersion: "sallyport.dev/v1alpha1",
        kind: "SecretAccessPolicy",
        metadata: { namespace: "shop", name: "agents" },
        spec: {
          subjects: [{ oidc: { provider: "test", claims: { sub: "agent" } } }],
          connections: { names: ["orders"] },
          allow: [{ name: "reads", kubernetes: { verbs: ["get"], resources: ["configmaps"] } }],
        },
      }),
    );
    const changedMs = performance.now();
    const { stdout } = await watched;
    context.diagnostic(`figure kubernetes.watch_ended_ms=${Math.round(performance.now() - changedMs)}`);
    assert.match(stdout, /^seen +0 /m);
    assert.match(stdout, /^Failure +Forbidden +a policy change ended what this session was doing /m);
  });
});

async function untilWatching(rig: Through): Promise<void> {
  await until(async () =>
    (await rig.events()).some(
      ({ kind, classes }) => kind === "request" && (classes as string[]).includes("watch"),
    ),
  );
}
