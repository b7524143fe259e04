/** Somebody who makes pods in a labelled namespace all the time. */
import { setTimeout as pause } from "node:timers/promises";
import { ApiException, CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { pod, sleeper, spec } from "./pods.ts";

export interface Making extends AsyncDisposable {
  /** Pods that came out with the gateway in them. */
  made(): number;
  readonly refusals: readonly Refusal[];
  /** Whether the last hundred were made, since the last refusal or since this was asked first. */
  isServed(): boolean;
}

interface Refusal {
  readonly atMs: number;
  readonly message: string;
}

const EVERY_MS = 20;
/** Made in a row, after which nobody waits for another refusal: each of the replicas has been asked many times. */
const IN_A_ROW = 100;

/** They are made for no more than the look of it (dry run): what is asked is whether somebody answers. */
export function makePods(config: KubeConfig, namespace: string): Making {
  const core = config.makeApiClient(CoreV1Api);
  const refusals: Refusal[] = [];
  let made = 0;
  let madeBefore: number | undefined;
  const stop = new AbortController();
  const ended = (async () => {
    for (; !stop.signal.aborted; await pause(EVERY_MS)) {
      const message = await attempt(core, namespace);
      if (message === undefined) made += 1;
      else {
        refusals.push({ atMs: Date.now(), message });
        madeBefore = undefined;
      }
    }
  })();
  return {
    made: () => made,
    refusals,
    isServed: () => made >= (madeBefore ??= made) + IN_A_ROW,
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
    const isAnswer = error instanceof ApiException && typeof error.body === "string";
    return isAnswer ? (JSON.parse(error.body) as { message: string }).message : String(error);
  }
}
