/** T5–T8, T15: rights over the pod's network, its node and the gateway's process. */
import type { Threat } from "../support/attack.ts";
import { podAttack } from "../support/pods.ts";

const adding = (capability: string): string =>
  `spec: { containers: [{ name: app, image: app, securityContext: { capabilities: { add: [${capability}] } } }] }`;
const HARMLESS = adding("NET_BIND_SERVICE");

export const NET_ADMIN: Threat = {
  id: "T5",
  title: "CAP_NET_ADMIN takes the rules of capture away",
  attacks: [
    podAttack({
      name: "in a container",
      pod: adding("NET_ADMIN"),
      refusal: /NET_ADMIN.*Fix: /,
      harmless: HARMLESS,
    }),
    podAttack({
      name: "in a container, as runtimes also read it",
      pod: adding("CAP_NET_ADMIN"),
      refusal: /CAP_NET_ADMIN.*Fix: /,
      harmless: HARMLESS,
    }),
    podAttack({
      name: "in an init container",
      pod: "spec: { initContainers: [{ name: i, image: app, securityContext: { capabilities: { add: [NET_ADMIN] } } }] }",
      refusal: /initContainers\[0\]\.securityContext\.capabilities\.add\[0\].*Fix: /,
      harmless: "spec: { initContainers: [{ name: i, image: app }] }",
    }),
    podAttack({
      name: "ALL, with everything dropped beside it",
      pod: "spec: { containers: [{ name: app, image: app, securityContext: { capabilities: { drop: [ALL], add: [ALL] } } }] }",
      refusal: /ALL is every capability.*Fix: /,
      harmless: HARMLESS,
    }),
  ],
};

export const NET_RAW: Threat = {
  id: "T6",
  title: "CAP_NET_RAW sends past the rules of capture",
  attacks: [
    podAttack({
      name: "it is asked for",
      pod: adding("NET_RAW"),
      refusal: /NET_RAW.*Fix: /,
      harmless: HARMLESS,
    }),
    podAttack({
      name: "it is kept, as runtimes give it",
      pod: "spec: { containers: [{ name: app, image: app, securityContext: { capabilities: { drop: [SETUID] } } }] }",
      hasWorked: ({ spec }) =>
        spec?.containers[0]?.securityContext?.capabilities?.drop?.includes("ALL") !== true,
    }),
  ],
};

const context = (text: string): string =>
  `spec: { containers: [{ name: app, image: app, securityContext: ${text} }] }`;
const volume = (source: string): string => `spec: { volumes: [{ name: v, ${source} }] }`;
const WORK = volume("emptyDir: {}");

const NODE_RIGHTS: readonly (readonly [name: string, pod: string, field: RegExp, harmless: string])[] = [
  [
    "privileged",
    context("{ privileged: true }"),
    /securityContext\.privileged/,
    context("{ privileged: false }"),
  ],
  ["the node's processes", "spec: { hostPID: true }", /spec\.hostPID/, "spec: { hostPID: false }"],
  ["the node's memory segments", "spec: { hostIPC: true }", /spec\.hostIPC/, "spec: { hostIPC: false }"],
  ["a path of the node", volume("hostPath: { path: / }"), /volumes\[0\]\.hostPath/, WORK],
  [
    "all of /proc",
    `${context("{ procMount: Unmasked }").slice(0, -1)}, hostUsers: false }`,
    /procMount/,
    context("{}"),
  ],
  ["SYS_ADMIN", adding("SYS_ADMIN"), /SYS_ADMIN/, HARMLESS],
  ["BPF", adding("BPF"), /BPF/, HARMLESS],
  ["no seccomp", context("{ seccompProfile: { type: Unconfined } }"), /seccompProfile/, context("{}")],
  ["no AppArmor", context("{ appArmorProfile: { type: Unconfined } }"), /appArmorProfile/, context("{}")],
  ["another SELinux type", context("{ seLinuxOptions: { type: spc_t } }"), /seLinuxOptions/, context("{}")],
  [
    "a parameter of the kernel",
    "spec: { securityContext: { sysctls: [{ name: net.ipv4.conf.all.route_localnet, value: '1' }] } }",
    /sysctls\[0\]/,
    "spec: { securityContext: { sysctls: [{ name: net.ipv4.tcp_syncookies, value: '1' }] } }",
  ],
  [
    "a server's volume, mounted by the node",
    volume("nfs: { server: out.example, path: / }"),
    /volumes\[0\]\.nfs/,
    WORK,
  ],
  ["Windows", "spec: { os: { name: windows } }", /spec\.os/, "spec: { os: { name: linux } }"],
];

export const NODE: Threat = {
  id: "T7",
  title: "rights over the node",
  attacks: NODE_RIGHTS.map(([name, pod, field, harmless]) =>
    podAttack({ name, pod, refusal: new RegExp(`${field.source}.*Fix: `, "s"), harmless }),
  ),
};

export const HOST_NETWORK: Threat = {
  id: "T8",
  title: "hostNetwork, which elsewhere means that injection is skipped",
  attacks: [
    podAttack({
      name: "the node's network",
      pod: "spec: { hostNetwork: true }",
      refusal: /spec\.hostNetwork: .*Fix: /,
      harmless: "spec: { hostNetwork: false }",
    }),
  ],
};

export const PROCESSES: Threat = {
  id: "T15",
  title: "the gateway's process is read",
  attacks: [
    podAttack({
      name: "one process namespace for all",
      pod: "spec: { shareProcessNamespace: true }",
      refusal: /spec\.shareProcessNamespace: .*Fix: /,
      harmless: "spec: { shareProcessNamespace: false }",
    }),
    podAttack({
      name: "the node's process namespace",
      pod: "spec: { hostPID: true }",
      refusal: /spec\.hostPID: .*Fix: /,
      harmless: "spec: { hostPID: false }",
    }),
    podAttack({
      name: "SYS_PTRACE",
      pod: adding("SYS_PTRACE"),
      refusal: /SYS_PTRACE.*Fix: /,
      harmless: HARMLESS,
    }),
  ],
};
