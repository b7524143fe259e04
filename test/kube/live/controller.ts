import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import type { Kube } from "#operator/kube/client.ts";
import { type Reconciler, runController, trigger } from "#operator/kube/controller.ts";
import { kubeMeters } from "#operator/kube/metrics.ts";
import { CONFIG_MAPS, keyOf, parseKey } from "#operator/kube/resource.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { type ConfigMap, type Followed, follow } from "../support/followed.ts";
import { keptLog } from "../support/log.ts";
import { until } from "../support/until.ts";
import { soon } from "./client.ts";

type Write = { readonly key: string; readonly colour: string };

/** Sees to it that the data of a config map says the colour of its label. */
class Painter implements Reconciler<ConfigMap, Write> {
  readonly name = "painter";
  readonly writes: string[] = [];
  failures = 0;
  readonly #kube: Kube;
  readonly #followed: Followed;

  constructor(kube: Kube, followed: Followed) {
    this.#kube = kube;
    this.#followed = followed;
  }

  async observe(key: string): Promise<ConfigMap | undefined> {
    return this.#followed.store.get(key);
  }

  plan(map: ConfigMap): { readonly actions: readonly Write[] } {
    const colour = map.metadata.labels?.["colour"];
    if (colour === undefined || map.data?.["colour"] === colour) return { actions: [] };
    return { actions: [{ key: keyOf(map), colour }] };
  }

  async apply({ key, colour }: Write, signal: AbortSignal): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error("not now");
    }
    this.writes.push(colour);
    const { namespace = "", name } = parseKey(key);
    await this.#kube.apply(
      CONFIG_MAPS,
      { metadata: { namespace, name }, data: { colour } },
      { signal, force: true },
    );
  }
}

export function controllerTests(given: () => { readonly api: ApiTier; readonly kube: Kube }): void {
  test("it makes things as they should be, tries again what failed, restores what is changed, and then does nothing", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    await using followed = await follow(api.config, { namespace });
    const painter = new Painter(kube, followed);
    painter.failures = 3;
    await using ending = new AsyncDisposableStack();
    const stop = new AbortController();
    ending.defer(() => stop.abort());
    const registry = new Registry();
    const { log, lines } = keptLog();
    const running = runController({
      reconciler: painter,
      triggers: [trigger(followed.store)],
      meter: kubeMeters(registry).controller(painter.name),
      log,
      signal: stop.signal,
    });
    const metadata = { namespace, name: "fruit", labels: { colour: "red" } };
    const colour = async (): Promise<string | undefined> =>
      (await kube.get(CONFIG_MAPS, `${namespace}/fruit`, soon()))?.data?.["colour"];
    await kube.create(CONFIG_MAPS, { metadata }, soon());
    await until("it is painted", async () => (await colour()) === "red");
    assert.equal(lines.filter((line) => line.includes("reconcile failed")).length, 3);
    const patch = { op: "replace", path: "/data/colour", value: "by hand" } as const;
    await kube.patch(CONFIG_MAPS, `${namespace}/fruit`, [patch], soon());
    await until("it is painted again", async () => (await colour()) === "red");
    await kube.create(CONFIG_MAPS, { metadata: { ...metadata, name: "last" } }, soon());
    await until("the last one is painted", () => painter.writes.length === 3);
    // Our own writes come back as changes, which ask for nothing.
    await until("everything was looked at", async () => {
      const text = await registry.metrics();
      return (
        /sallyport_queue_depth\{controller="painter"\} 0/.test(text) && /outcome="failed"\} 3/.test(text)
      );
    });
    assert.deepEqual(painter.writes, ["red", "red", "red"]);
    stop.abort();
    await running;
    await kube.create(CONFIG_MAPS, { metadata: { ...metadata, name: "late" } }, soon());
    await until("the store has it", () => followed.store.get(`${namespace}/late`) !== undefined);
    assert.equal(painter.writes.length, 3, "it went on after it was stopped");
  });
}
