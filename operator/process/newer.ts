/**
 * What newer replicas inject. During an upgrade old and new ones answer side by side, and a pod that the one has made is judged by the
 * other. A new one knows the former rendering by its configuration; an old one looks here, when a pod has a gateway that it does not
 * know: helm changes the ConfigMap that the configuration comes from before the first new replica starts.
 */
import { errorFields, type Log } from "#runtime/log.ts";
import type { Rendering } from "../admission/pod/contract.ts";
import type { NewerRenderings } from "../admission/webhooks/pods.ts";
import { parseSettings } from "../config/read.ts";
import type { Kube } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import { KubeError } from "../kube/error.ts";
import { CONFIG_MAPS, objectKey } from "../kube/resource.ts";

export interface NewerOptions {
  readonly kube: Pick<Kube, "get">;
  /** Of the release; undefined where the configuration comes from elsewhere, and then there is nothing to look up. */
  readonly configMap: { readonly namespace: string; readonly name: string } | undefined;
  /** For renderings that leave them to be looked up. */
  readonly resolvers: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The member of the ConfigMap, as the chart has it. */
const MEMBER = "operator.json";
/** Whoever makes wrong pods as fast as they can has it looked up no more often than that. */
const KEPT_MS = 1_000;

export function newerRenderings(options: NewerOptions): NewerRenderings {
  const { clock } = options;
  let last: { readonly atMs: number; readonly found: Promise<readonly Rendering[]> } | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (last === undefined || nowMs - last.atMs >= KEPT_MS) last = { atMs: nowMs, found: lookUp(options) };
    return last.found;
  };
}

/** None where nothing can be known: then the pod is refused as it would be without. */
async function lookUp(options: NewerOptions): Promise<readonly Rendering[]> {
  const { kube, configMap, log, signal } = options;
  if (configMap === undefined) return [];
  const key = objectKey(configMap.namespace, configMap.name);
  try {
    const found = await kube.get(CONFIG_MAPS, key, { signal });
    return renderingsIn(found?.data?.[MEMBER] ?? "", options.resolvers);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    log.warn("whether there is a newer configuration cannot be looked up", errorFields(error));
    return [];
  }
}

/** A configuration of another shape is that of a version whose pods could not be rendered here anyway. */
function renderingsIn(json: string, resolvers: readonly string[]): readonly Rendering[] {
  const settings = parseSettings(json);
  if (!("injection" in settings)) return [];
  const { injection } = settings;
  return [injection, ...(injection.former ?? [])].map((one) => withResolvers(one, resolvers));
}

export function withResolvers<Some extends Rendering>(one: Some, resolvers: readonly string[]): Some {
  return one.resolvers.length > 0 ? one : { ...one, resolvers };
}
