/** Which cluster is meant, as whom, and where in it: as kubectl understands the same options. */
import { KubeConfig } from "@kubernetes/client-node";
import { type Kube, openKube } from "#operator/kube/client.ts";
import type { OptionValues } from "../frame/command.ts";

export const PLACE_OPTIONS = {
  namespace: {
    type: "string",
    short: "n",
    value: "NAMESPACE",
    help: "where the pods are, unless that of the kubeconfig's context is meant",
  },
  context: { type: "string", value: "NAME", help: "of the kubeconfig, other than its current one" },
  kubeconfig: { type: "string", value: "FILE", help: "other than kubectl's own" },
  "system-namespace": {
    type: "string",
    value: "NAMESPACE",
    default: "sallyport-system",
    help: "that Sallyport is installed in",
  },
} as const;

export const EVERYWHERE_OPTION = {
  "all-namespaces": { type: "boolean", short: "A", help: "of every namespace" },
} as const;

export type PlaceOptions = OptionValues<typeof PLACE_OPTIONS>;

export interface Place extends Disposable {
  readonly kube: Kube;
  readonly namespace: string;
  readonly systemNamespace: string;
  /** For kubectl, so that it means the same. */
  readonly kubectlWords: readonly string[];
}

export interface NoPlace {
  readonly cannotRun: string;
}

export function openPlace(given: PlaceOptions): Place | NoPlace {
  const { context, kubeconfig } = given;
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    return { cannotRun: `the kubeconfig cannot be read: ${error instanceof Error ? error.message : ""}` };
  }
  const name = context ?? config.getCurrentContext();
  const meant = config.getContextObject(name);
  if (meant === null)
    return {
      cannotRun:
        context === undefined ? "no cluster: the kubeconfig has no current context" : noContext(name),
    };
  config.setCurrentContext(name);
  const kube = openKube(config, { userAgent: "kubectl-sallyport", fieldManager: "kubectl-sallyport" });
  return {
    kube,
    namespace: given.namespace ?? meant.namespace ?? "default",
    systemNamespace: given["system-namespace"],
    kubectlWords: [
      ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
      ...(context === undefined ? [] : ["--context", context]),
    ],
    [Symbol.dispose]: () => kube[Symbol.dispose](),
  };
}

const noContext = (name: string): string => `the kubeconfig has no context "${name}"`;
