/** Everything that is said about pods, in the order in which it is told. */
import { handlerHost } from "./handlers.ts";
import { appArmor, procMount, seccomp, seLinux, sysctl } from "./kernel.ts";
import { brokerAlias, reservedMetadata, reservedName, reservedPort } from "./names.ts";
import { hostIpc, hostNetwork, hostPid, mirror, sharedProcesses, windows } from "./node.ts";
import { addedCapability, capabilities, privileged, privilegeEscalation } from "./privileges.ts";
import type { PodRule } from "./rule.ts";
import { gateway, unknownField } from "./shape.ts";
import { apiCredential, automount, reservedAudience, writesOurKinds } from "./tokens.ts";
import { reservedUser, root, statedUser } from "./users.ts";
import {
  blockDevice,
  mountPropagation,
  reservedPath,
  reservedVolume,
  trustBundle,
  volumeSource,
} from "./volumes.ts";

export const RULES = {
  windows,
  "host-network": hostNetwork,
  "host-pid": hostPid,
  "host-ipc": hostIpc,
  "shared-processes": sharedProcesses,
  "mirror-pod": mirror,
  privileged,
  "added-capability": addedCapability,
  capabilities,
  "privilege-escalation": privilegeEscalation,
  "stated-user": statedUser,
  root,
  "reserved-user": reservedUser,
  seccomp,
  "app-armor": appArmor,
  "se-linux": seLinux,
  "proc-mount": procMount,
  sysctl,
  "reserved-name": reservedName,
  "reserved-metadata": reservedMetadata,
  "reserved-port": reservedPort,
  "reserved-volume": reservedVolume,
  "reserved-path": reservedPath,
  "reserved-audience": reservedAudience,
  "api-credential": apiCredential,
  automount,
  "trust-bundle": trustBundle,
  "volume-source": volumeSource,
  "mount-propagation": mountPropagation,
  "block-device": blockDevice,
  "handler-host": handlerHost,
  "broker-alias": brokerAlias,
  "writes-our-kinds": writesOurKinds,
  gateway,
  "unknown-field": unknownField,
} as const satisfies Record<string, PodRule>;

export type RuleName = keyof typeof RULES;
