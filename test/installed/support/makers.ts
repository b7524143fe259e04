/** Somebody who makes pods in a labelled namespace all the time. */
import { setTimeout as pause } from "node:timers/promises";
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { pod, sleeper, spec } from "./pods.ts";

export interface Making extends AsyncDisposable {
  /** Pods that came out with the gateway in them. */
  made(): number;
  readonly refusals: readonly Refusal[];
}

interface Refusal {
  readonly atMs: number;
  readonly message: string;
}

const EVERY_MS = 20;

/** They are made for no more than the look of it (dry run): what is asked is whether somebody answers. */
export function makePods(config: KubeConfig, namespace: string): Making {
  const core = config.makeApiClient(CoreV1Api);
  const refusals: Refusal[] = [];
  let made = 0;
  const stop = new AbortController();
  const ended = (async () => {
    for (; !stop.signal.aborted; await pause(EVERY_MS)) {
      const message = await attempt(core, namespace);
      if (message === undefined) made += 1;
      else refusals.push({ atMs: Date.now(), message });
    }
  })();
  return {
    made: () => made,
    refusals,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}

async function attempt(core: CoreV1Api, namespace: string): Promise<string | undefined> {
  try {
    const body = pod(namespace, "probe", spec([sleeper()]));
    const { spec: found } = await core.createNamespacedPod({ namespace, body, dryRun: "All" });
    return found?.initContainers?.[1]?.name === "gw" ? undefined : "made without a gateway";
  } catch (error) {
    return String(error);
  }
}
