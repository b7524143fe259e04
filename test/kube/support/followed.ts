/** A store that follows the config maps of a namespace, and ways to change them past it. */
import { randomUUID } from "node:crypto";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Kube, type KubeOptions, openKube } from "#operator/kube/client.ts";
import { type Reflector, type ReflectorOptions, startReflector } from "#operator/kube/reflector.ts";
import { CONFIG_MAPS, type KubeObject } from "#operator/kube/resource.ts";
import { openStore, type Store } from "#operator/kube/store.ts";
import { keptLog } from "./log.ts";
import { until } from "./until.ts";

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface Followed extends AsyncDisposable {
  readonly kube: Kube;
  readonly store: Store<ConfigMap>;
  readonly reflector: Reflector;
  readonly logLines: readonly string[];
  readonly listenerErrors: readonly unknown[];
}

export interface FollowOptions extends KubeOptions {
  readonly namespace: string;
  readonly timing?: ReflectorOptions<ConfigMap>["timing"];
}

export async function follow(config: KubeConfig, options: FollowOptions): Promise<Followed> {
  const { namespace, timing, ...more } = options;
  const kube = openKube(config, more);
  const stop = new AbortController();
  const { log, lines } = keptLog();
  const listenerErrors: unknown[] = [];
  const store = openStore<ConfigMap>({ name: "config maps", onError: (error) => listenerErrors.push(error) });
  const { signal } = stop;
  const reflector = startReflector<ConfigMap>({
    kube,
    resource: CONFIG_MAPS,
    namespace,
    store,
    log,
    signal,
    ...(timing === undefined ? {} : { timing }),
  });
  await store.synced(AbortSignal.timeout(20_000));
  return {
    kube,
    store,
    reflector,
    logLines: lines,
    listenerErrors,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await reflector.ended;
      kube[Symbol.dispose]();
    },
  };
}

/** Makes a change by `kube`, and returns the seconds from the API server's answer until the store has it. */
export async function secondsUntilSeen(kube: Kube, namespace: string, { store }: Followed): Promise<number> {
  const name = `change-${randomUUID()}`;
  await kube.create(CONFIG_MAPS, { metadata: { namespace, name } }, { signal: AbortSignal.timeout(30_000) });
  const fromMs = performance.now();
  await until("the change is seen", () => store.get(`${namespace}/${name}`) !== undefined);
  return (performance.now() - fromMs) / 1_000;
}
