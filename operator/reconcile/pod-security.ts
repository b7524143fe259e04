/**
 * Whether a namespace's Pod Security level lets the gateway in. The level judges the pod as admission leaves it, so what
 * it refuses is our own `gw-init`, whatever the pod's author wrote.
 */
const LEVEL_LABEL = "pod-security.kubernetes.io/enforce";

export interface PodSecurity {
  /** As written; a level that the API server does not know counts as `restricted`. */
  readonly level: string;
  readonly remedy: string;
}

/** Undefined: the gateway is let in, as far as the namespace's labels tell. */
export function podSecurityForbids(
  namespace: string,
  labels: Readonly<Record<string, string>> | undefined,
): PodSecurity | undefined {
  const level = labels?.[LEVEL_LABEL];
  if (level === undefined || level === "privileged") return undefined;
  return { level, remedy: `kubectl label namespace ${namespace} --overwrite ${LEVEL_LABEL}=privileged` };
}
