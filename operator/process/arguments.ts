/** What the program is started with. */
import { parseArgs } from "node:util";
import { type Access, podAccess } from "../kube/access.ts";

export interface Arguments {
  readonly config: string;
  /** Left out: that of the pod's own service account, or of KUBECONFIG where there is none. */
  readonly kubeconfig: string | undefined;
}

export const USAGE = "node operator.js --config FILE [--kubeconfig FILE]";

/** In words: what is wrong with them. */
export function readArguments(words: readonly string[], usage = USAGE): Arguments | string {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: { config: { type: "string" }, kubeconfig: { type: "string" } },
      strict: true,
    });
    if (values.config === undefined) return `--config is missing: ${usage}`;
    return { config: values.config, kubeconfig: values.kubeconfig };
  } catch (error) {
    // parseArgs' own words name the word that it does not know.
    if (!(error instanceof TypeError)) throw error;
    return `${error.message}: ${usage}`;
  }
}

/** Throws client-node's own errors, which name the file. */
export async function accessOf(
  { kubeconfig }: Arguments,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<Access> {
  const pod = kubeconfig === undefined ? podAccess(variables) : undefined;
  if (pod !== undefined) return pod;
  // Only where a kubeconfig has to be understood: a replica in a cluster never loads it.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  return config;
}
