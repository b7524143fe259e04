/**
 * The folder in which clients of Kubernetes look for what they need in a pod, as every client library does. Whom to trust is the pod's
 * own authority, and the token is none: what the pod may do, the gateway knows without it.
 */
import { NO_TOKEN } from "../protocols/kubernetes/marker.ts";
import type { PodAuthority } from "./authority.ts";
import { writeState } from "./state.ts";

export function writeServiceAccount(
  folder: string,
  { namespace }: { readonly namespace: string },
  { certificatePem }: Pick<PodAuthority, "certificatePem">,
): void {
  const files = { "ca.crt": certificatePem, namespace, token: NO_TOKEN };
  for (const [name, text] of Object.entries(files)) writeState(folder, name, text, 0o644);
}
