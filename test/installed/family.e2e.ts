/**
 * A pipeline launches an orchestrator, that one a helper with kubectl through its gateway, and that one another: none gets more than was
 * handed on, whatever it writes into what it launches; one that is done lets its helper finish; and one command ends all of them.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { inspect } from "node:util";
import { type V1Deployment, type V1Job, type V1Pod, Watch } from "@kubernetes/client-node";
import { AUTHOR, ORIGIN } from "#operator/names.ts";
import type { CLUSTER_PAGES } from "#test/docs/fences.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import {
  type Account,
  DONE,
  FAMILY,
  HANDS_ON,
  QUESTIONS,
  type Question,
  SHOP,
  agentJob,
  ask,
  kubectlIn,
  permitFamily,
  podOf,
  readyPod,
} from "./support/family.ts";
import { openLive } from "./support/live.ts";
import { asOwner, mintedRoles, psql, psqlOfAgent } from "./support/orders.ts";
import { commandsOf, meant, runAsWritten } from "./support/pages.ts";
import { PIPELINE, type Pipeline, type Pipelines, ROOTS, openPipelines } from "./support/pipelines.ts";
import { EDIT, claiming, owned, refused, standby, suspended } from "./support/pretences.ts";
import { type Release, installRelease } from "./support/release.ts";
import { until } from "./support/until.ts";

/** Nobody waits for its end: it is made of every row with every row, again and again. */
const ENDLESS = `select count(*) from ${Array.from({ length: 40 }, (_, at) => `orders o${at}`).join(", ")}`;
const WITHHELD = /DENY_NOT_DELEGATED/;

describe("a family of agents", { skip: skipWithoutNodeTier() }, () => {
  let pipelines: Pipelines;
  let pipeline: Pipeline;
  let release: Release;
  const pods = {} as Record<Account, string>;
  before(async () => {
    pipelines = await openPipelines();
    release = await installRelease({ flags: pipelines.flags });
    pipeline = await pipelines.known(release.node);
    await release.sh(
      `helm upgrade sallyport charts/sallyport --namespace sallyport-system --reuse-values --wait --set-json 'lineage.roots=${JSON.stringify(ROOTS)}'`,
    );
    await permitFamily(release, PIPELINE);
  });
  after(async () => {
    await release?.[Symbol.asyncDispose]();
    await pipelines?.[Symbol.asyncDispose]();
  });

  const read = async <T>(words: string): Promise<T> =>
    JSON.parse(await release.kubectl(`get --namespace ${SHOP} ${words} --output=json`)) as T;
  const inPod = (of: Account, words: string, ...items: readonly object[]): Promise<string> =>
    kubectlIn(release, pods[of], words, ...items);
  /** In a pod whose gateway may only just have come. */
  const answers = async (pod: string, question: Question, wanted: RegExp): Promise<void> => {
    let said = "";
    await until(`${pod} asks for ${question}: ${wanted.source}`, async () => {
      said = await ask(release, pod, question);
      return wanted.test(said) || !/BROKER_UNAVAILABLE|could not translate|Connection refused/.test(said);
    });
    assert.match(said, wanted, `${pod} asks for ${question}`);
  };
  /** As the page has it, with the names that pods have got here. */
  const written = async (page: (typeof CLUSTER_PAGES)[number], which: RegExp): Promise<string> => {
    const names = { "planner-x7k2p": pods.planner, "summarise-q9w4d": pods.summariser };
    const found = commandsOf(page).filter(({ script }) => which.test(script));
    assert.ok(found.length > 0, `${page} has nothing like ${which}`);
    let said = "";
    for (const commands of found) said += await runAsWritten(release, meant(commands, names));
    return said;
  };
  const ANSWERS = { orders: /^paid\n$/, customers: /^Ada Becker\n$/, insert: /^$/ } as const;

  test("is launched by a pipeline, from pod to pod, and everybody is known by whoever launched them", async () => {
    await pipeline.create(agentJob("planner", "planner"));
    pods.planner = await podOf(release, "planner");
    for (const [above, below] of [
      ["planner", "summariser"],
      ["summariser", "fetcher"],
    ] as const) {
      assert.equal(
        await inPod(above, "create --filename=-", agentJob(below, below)),
        `job.batch/${below} created\n`,
      );
      pods[below] = await podOf(release, below);
      const parent = await read<V1Pod>(`pod ${pods[above]}`);
      const made = await read<V1Job>(`job ${below}`);
      assert.equal(made.metadata?.annotations?.[ORIGIN.podUid], parent.metadata?.uid);
      const pod = await read<V1Pod>(`pod ${pods[below]}`);
      assert.equal(pod.metadata?.annotations?.[AUTHOR.podUid], parent.metadata?.uid);
    }
    assert.match(
      await written("docs/lineage.md", /sallyport lineage/),
      new RegExp(
        `user ${PIPELINE}\\s[^]*─ ${SHOP}/${pods.planner} [^]*─ ${SHOP}/${pods.summariser} [^]*─ ${SHOP}/${pods.fetcher} `,
      ),
    );
  });

  test("each reads what every one above it hands on, and nothing more", async () => {
    let handedOn: readonly Question[] = Object.keys(QUESTIONS) as Question[];
    for (const account of FAMILY) {
      for (const question of Object.keys(QUESTIONS) as Question[])
        await answers(pods[account], question, handedOn.includes(question) ? ANSWERS[question] : WITHHELD);
      handedOn = handedOn.filter((question) => (HANDS_ON[account] as readonly Question[]).includes(question));
    }
    const pins = await written("docs/lineage.md", /get leases/);
    assert.match(pins, /GENERATION +PARENT +ROOT/);
    assert.match(pins, new RegExp(` 2 +\\S+ +ci`));
    // By whom it was launched is what it has its rights from.
    await release.apply(agentJob("person", "planner"));
    await answers(await podOf(release, "person"), "orders", /DENY_NO_POLICY/);
  });

  test("labels, owners, templates, accounts and copied tokens get none of them more", async (context) => {
    await pipeline.create(...["standby", "scaled", ...FAMILY.map((name) => `edited-${name}`)].map(standby));
    const standing = await read<V1Deployment>("deployment standby");
    let handedOn: readonly Question[] = Object.keys(QUESTIONS) as Question[];
    let attempts = 0;
    // All of them are told of, since a cluster for one is dear.
    const wrong: string[] = [];
    const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
      attempts += 1;
      await act().catch((error: unknown) => wrong.push(`${what}: ${inspect(error)}`));
    };
    for (const account of FAMILY) {
      handedOn = handedOn.filter((question) => (HANDS_ON[account] as readonly Question[]).includes(question));
      for (const [words, said, ...items] of refused(pods[account]))
        await attempt(`${account}: ${words}`, async () =>
          assert.match(await inPod(account, words, ...items), said),
        );
      assert.match(await inPod(account, `annotate pod ${pods[account]} note=seen`), /annotated/);
      await attempt(`${account} has the pipeline's token`, async () => {
        const words = `create --token=${pipeline.token} --filename=-`;
        assert.match(await inPod(account, words, suspended(`copied-${account}`)), /created/);
        const { metadata } = await read<V1Job>(`job copied-${account}`);
        const self = await read<V1Pod>(`pod ${pods[account]}`);
        assert.equal(metadata?.annotations?.[ORIGIN.podUid], self.metadata?.uid);
      });
      const made = [owned(`owned-${account}`, standing), claiming(`claiming-${account}`)];
      assert.match(await inPod(account, "create --filename=-", ...made), /created\n.*created\n/);
      const edit = `patch deployment edited-${account} --patch-file=/dev/stdin`;
      assert.match(await inPod(account, edit, EDIT), /patched/);
      for (const selector of [
        `app=owned-${account}`,
        `job-name=claiming-${account}`,
        `app=edited-${account}`,
      ])
        await attempt(selector, async () => {
          const pod = await readyPod(release, selector);
          for (const question of Object.keys(QUESTIONS) as Question[])
            await answers(pod, question, handedOn.includes(question) ? ANSWERS[question] : WITHHELD);
        });
    }
    assert.deepEqual(wrong, []);
    // Twins: who only says how many there are has written nothing; and with its own token the pipeline makes what is its own.
    assert.match(await inPod("fetcher", "scale deployment scaled --replicas=1"), /scaled/);
    const scaled = await readyPod(release, "app=scaled");
    for (const question of Object.keys(QUESTIONS) as Question[])
      await answers(scaled, question, ANSWERS[question]);
    await pipeline.create(suspended("its-own"));
    const { metadata } = await read<V1Job>("job its-own");
    assert.equal(metadata?.annotations?.[ORIGIN.user], PIPELINE);
    context.diagnostic(`figure family.attempts=${attempts}`);
  });

  test("the orchestrator is revoked in mid-query: what everybody below it runs ends, and nobody gets in again", async (context) => {
    const script = `${psql(`--command="${ENDLESS}"`)} 2>&1; date +%s%3N`;
    const running = FAMILY.map((account) => release.inAgent(SHOP, pods[account], script));
    const active =
      "select count(*) from pg_stat_activity where state = 'active' and usename like 'sp\\_%' and query like '%o39%'";
    await until("all of them run", async () => (await asOwner(release, active)) === `${FAMILY.length}\n`);
    const { atMs } = await firstRevocation(release);
    await written("docs/lineage.md", /revoke pod/);
    const writtenMs = await atMs;
    const ends = (await Promise.all(running)).map((said) => {
      assert.match(said, /access is revoked until/);
      return Number(said.trimEnd().split("\n").at(-1)) - writtenMs;
    });
    context.diagnostic(`figure family.revoked_query_ended_ms=${Math.max(...ends)}`);
    await until("their roles are gone", async () => (await mintedRoles(release)) === "");
    for (const account of FAMILY)
      assert.match(await ask(release, pods[account], "orders"), /access is revoked/);
    assert.match(await inPod("summariser", "get pods"), /access is revoked/);
    const told = await written("docs/lineage.md", /audit\.js/);
    assert.match(told, /session\.open/);
    assert.ok(told.includes(pods.summariser), told);
    assert.match(told, /revocation\.enforced .*incident 4711/);
    assert.match(told, /sessions\.revoked .*incident 4711/);
    // Who is not of the family goes on.
    const one = "select name from customers where id = 1";
    assert.equal(await release.sh(psqlOfAgent(one)), "Ada Becker\n");
  });

  test("one that ends by itself lets its helper finish what it has begun, and begin nothing", async () => {
    await pipeline.create(agentJob("short", "planner"));
    const short = await podOf(release, "short");
    await kubectlIn(release, short, "create --filename=-", agentJob("helper", "summariser"));
    const helper = await podOf(release, "helper");
    await answers(helper, "orders", ANSWERS.orders);
    {
      await using live = await openLive(release, SHOP, helper);
      assert.equal(await live.ask(QUESTIONS.orders), "paid\n");
      await release.inAgent(SHOP, short, `touch ${DONE}`);
      await release.kubectl(`wait job short --namespace ${SHOP} --for=condition=Complete --timeout=50s`);
      assert.match(await ask(release, helper, "orders"), /LINEAGE_ENDED/);
      assert.equal(await live.ask(QUESTIONS.orders), "paid\n", "the session that it has goes on");
    }
    await release.inAgent(SHOP, helper, `touch ${DONE}`);
    await release.kubectl(`wait job helper --namespace ${SHOP} --for=condition=Complete --timeout=50s`);
  });

  test("docs/operations/misbehaving.md, command by command", async () => {
    const page = commandsOf("docs/operations/misbehaving.md");
    assert.ok(page.length > 0);
    let name = "";
    for (const commands of page) {
      const names = { "revoked-planner-x7k2p-3f9a2c": name, "planner-x7k2p": pods.planner };
      const said = await runAsWritten(release, meant(commands, names));
      name = /revoke lift (revoked-planner-\S+)/.exec(said)?.[1] ?? name;
    }
  });
});

/** When the API server tells of it, by this machine's clock, which is the pods' too. Watched for as soon as this resolves. */
async function firstRevocation({ node }: Release): Promise<{ readonly atMs: Promise<number> }> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const path = "/apis/sallyport.dev/v1alpha1/clustersecretaccesspolicies";
  const watch = await new Watch(node.config).watch(
    path,
    { labelSelector: "sallyport.dev/revocation" },
    (phase) => {
      if (phase === "ADDED") resolve(Date.now());
    },
    (error) => reject(error instanceof Error ? error : new Error("the watch has ended")),
  );
  return { atMs: promise.finally(() => watch.abort()) };
}
