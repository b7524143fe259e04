/** docs/operations.md from top to bottom, and what holds all along: nobody who makes a pod notices an upgrade, a rotation or a lost replica. */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CoreV1Api } from "@kubernetes/client-node";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { commandsOf, runAsWritten } from "./support/pages.ts";
import { pod, sleeper, spec } from "./support/pods.ts";
import { type Release, installRelease } from "./support/release.ts";

const PAGE = "docs/operations.md";
const EVERY_MS = 20;
const ROTATED_MS_MAX = 120_000;

describe(`a release as ${PAGE} has it`, { skip: skipWithoutNodeTier() }, () => {
  let release: Release;
  before(async () => {
    release = await installRelease();
  });
  after(() => release?.[Symbol.asyncDispose]());

  /** Somebody who makes pods in a labelled namespace all the time, while `act` runs. */
  async function whileMakingPods(act: () => Promise<void>): Promise<{ made: number; refusals: string[] }> {
    const core = release.node.config.makeApiClient(CoreV1Api);
    const refusals: string[] = [];
    let made = 0;
    const stop = new AbortController();
    const making = (async () => {
      for (; !stop.signal.aborted; await pause(EVERY_MS)) {
        const body = pod("shop", "probe", spec([sleeper()]));
        const answer = await core
          .createNamespacedPod({ namespace: "shop", body, dryRun: "All" })
          .catch((error: unknown) => String(error));
        if (typeof answer === "string") refusals.push(answer);
        else if (answer.spec?.initContainers?.[1]?.name === "gw") made += 1;
        else refusals.push("made without a gateway");
      }
    })();
    try {
      await act();
    } finally {
      stop.abort();
      await making;
    }
    return { made, refusals };
  }

  let meanwhile = 0;
  async function unnoticed(t: TestContext, act: () => Promise<void>): Promise<void> {
    const { made, refusals } = await whileMakingPods(act);
    assert.deepEqual(refusals, []);
    assert.ok(made > 0);
    meanwhile += made;
    t.diagnostic(`figure operations.pods-meanwhile=${meanwhile}`);
  }

  for (const commands of commandsOf(PAGE))
    test(`${commands.place} does what it says`, async (t) => {
      const asWritten = (): Promise<void> => runAsWritten(release, commands);
      if (commands.section === "Upgrade") await unnoticed(t, asWritten);
      else if (commands.section === "Rotate") await unnoticed(t, async () => rotated(release, asWritten));
      else await asWritten();
    });
});

/** Until every replica shows a certificate by the new authority, and for a while after. */
async function rotated({ kubectl }: Release, rotate: () => Promise<void>): Promise<void> {
  const words =
    "get secret sallyport-webhook-ca --namespace sallyport-system --output=jsonpath={.data.tls\\.crt}";
  const before = await kubectl(words);
  await rotate();
  assert.notEqual(await kubectl(words), before);
  const logs =
    "logs --namespace sallyport-system --selector=app.kubernetes.io/component=operator --tail=-1 --prefix";
  const changed = (log: string): ReadonlySet<string> =>
    new Set(log.split("\n").flatMap((line) => /^\[(\S+) .*"isNewAuthority":true/.exec(line)?.[1] ?? []));
  for (
    const deadlineMs = Date.now() + ROTATED_MS_MAX;
    changed(await kubectl(logs)).size < 2;
    await pause(EVERY_MS)
  )
    assert.ok(Date.now() < deadlineMs, "every replica changes its certificate");
}
