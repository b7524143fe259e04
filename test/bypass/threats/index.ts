/** Threats of tier A, as docs/threat-model.md numbers them. */
import type { Threat } from "../support/attack.ts";
import { ELSEWHERE } from "./elsewhere.ts";
import { CHANGED_LATER, OTHERS_SECRET, WRITING_ACCOUNT } from "./deputies.ts";
import { FIRST, OPTING_OUT, OTHER_INJECTORS } from "./injection.ts";
import { CHANGES, EPHEMERAL_CONTAINERS, EXEC, METADATA } from "./living.ts";
import { HOST_NETWORK, NET_ADMIN, NET_RAW, NODE, PROCESSES } from "./shape.ts";
import { FORGED_REVIEWS } from "./forged-reviews.ts";
import { IMPERSONATION } from "./impersonation.ts";
import { KUBELET } from "./kubelet.ts";
import { FORWARDING } from "./forwarding.ts";
import { STATIC_PODS } from "./static-pods.ts";
import { TEMPLATE_AUTHORS } from "./template-authors.ts";
import { TOKEN_REQUESTS, VOLUMES } from "./tokens.ts";
import { IMAGE_USER, SAME_USER, SETUID_CAPABILITY, SETUID_FILE } from "./users.ts";
import { WAYS } from "./ways.ts";

export const THREATS: readonly Threat[] = [
  SAME_USER,
  IMAGE_USER,
  SETUID_CAPABILITY,
  SETUID_FILE,
  NET_ADMIN,
  NET_RAW,
  NODE,
  HOST_NETWORK,
  { ...OPTING_OUT, attacks: [...OPTING_OUT.attacks, ...WAYS] },
  FIRST,
  OTHER_INJECTORS,
  EPHEMERAL_CONTAINERS,
  EXEC,
  PROCESSES,
  VOLUMES,
  TOKEN_REQUESTS,
  KUBELET,
  ELSEWHERE,
  METADATA,
  CHANGES,
  TEMPLATE_AUTHORS,
  STATIC_PODS,
  FORGED_REVIEWS,
  IMPERSONATION,
  FORWARDING,
  OTHERS_SECRET,
  CHANGED_LATER,
  WRITING_ACCOUNT,
];
