/** Profiles and switches of the kernel that a container may loosen. The lists are those of Pod Security's baseline. */
import type { V1AppArmorProfile, V1SeccompProfile, V1SELinuxOptions } from "@kubernetes/client-node";
import type { PodView } from "../view.ts";
import type { Found, PodRule } from "./rule.ts";

const SYSCTLS: ReadonlySet<string> = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ping_group_range",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.tcp_wmem",
]);

export const sysctl: PodRule = {
  title: "the pod sets a kernel parameter outside the safe list",
  why: "Parameters such as route_localnet, ip_forward or rp_filter change what the rules of capture see.",
  fix: `Leave it out. Safe ones are ${[...SYSCTLS].join(", ")}.`,
  remedy: "refused",
  find: ({ spec }) =>
    (spec.securityContext?.sysctls ?? []).flatMap(({ name }, index) =>
      // The kernel reads a slash where we write a dot.
      SYSCTLS.has(name.replaceAll("/", "."))
        ? []
        : [
            {
              field: `spec.securityContext.sysctls[${index}].name`,
              message: `${name} is not among the safe ones`,
            },
          ],
    ),
  wrong: "spec: { securityContext: { sysctls: [{ name: net.ipv4.conf.all.route_localnet, value: '1' }] } }",
  right: "spec: { securityContext: { sysctls: [{ name: net.ipv4.tcp_syncookies, value: '1' }] } }",
};

export const seccomp: PodRule = {
  title: "a container runs without a seccomp profile",
  why: "The runtime's profile keeps system calls out of reach that user namespaces and escapes are made of.",
  fix: "Write seccompProfile: { type: RuntimeDefault }, or leave it out and it is set; a Localhost profile may stay.",
  remedy: "refused",
  find: (view) => [
    ...loose(view.spec.securityContext?.seccompProfile, "spec.securityContext.seccompProfile"),
    ...view.containers.flatMap(({ field, container: { securityContext } }) => {
      const place = `${field}.securityContext.seccompProfile`;
      const profile = securityContext?.seccompProfile;
      return profile === undefined ? [{ field: place, message: "is not set" }] : loose(profile, place);
    }),
    ...annotated(view, (key) => key.includes("seccomp.security.alpha.kubernetes.io")),
  ],
  wrong: "spec: { securityContext: { seccompProfile: { type: Unconfined } } }",
  right: "spec: { securityContext: { seccompProfile: { type: Localhost, localhostProfile: agents.json } } }",
};

function loose(profile: V1SeccompProfile | undefined, field: string): readonly Found[] {
  if (profile === undefined || profile.type === "RuntimeDefault" || profile.type === "Localhost") return [];
  return [{ field: `${field}.type`, message: `is ${profile.type}` }];
}

export const appArmor: PodRule = {
  title: "a container runs without its AppArmor profile",
  why: "The runtime's profile keeps mounts and parts of /proc and /sys out of reach.",
  fix: "Leave it out: the runtime's own profile applies; a Localhost profile may stay.",
  remedy: "refused",
  find: (view) => [
    ...unconfined(view.spec.securityContext?.appArmorProfile, "spec.securityContext.appArmorProfile"),
    ...view.containers.flatMap(({ field, container }) =>
      unconfined(container.securityContext?.appArmorProfile, `${field}.securityContext.appArmorProfile`),
    ),
    ...annotated(view, (key) => key.startsWith(APPARMOR)),
  ],
  wrong: "spec: { securityContext: { appArmorProfile: { type: Unconfined } } }",
  right: "spec: { securityContext: { appArmorProfile: { type: RuntimeDefault } } }",
};

const APPARMOR = "container.apparmor.security.beta.kubernetes.io/";

function unconfined(profile: V1AppArmorProfile | undefined, field: string): readonly Found[] {
  if (profile === undefined || profile.type === "RuntimeDefault" || profile.type === "Localhost") return [];
  return [{ field: `${field}.type`, message: `is ${profile.type}` }];
}

function annotated({ pod }: PodView, isProfile: (key: string) => boolean): readonly Found[] {
  return Object.entries(pod.metadata?.annotations ?? {})
    .filter(([key, value]) => isProfile(key) && value === "unconfined")
    .map(([key]) => ({ field: `metadata.annotations[${key}]`, message: "is unconfined" }));
}

const SELINUX_TYPES: ReadonlySet<string> = new Set([
  "",
  "container_t",
  "container_init_t",
  "container_kvm_t",
  "container_engine_t",
]);

export const seLinux: PodRule = {
  title: "a container asks for an SELinux type, user or role of its own",
  why: "Types such as spc_t switch the separation of containers off.",
  fix: "Leave seLinuxOptions.type, .user and .role out; a level may stay.",
  remedy: "refused",
  find: ({ spec, containers }) => [
    ...otherLabel(spec.securityContext?.seLinuxOptions, "spec.securityContext.seLinuxOptions"),
    ...containers.flatMap(({ field, container }) =>
      otherLabel(container.securityContext?.seLinuxOptions, `${field}.securityContext.seLinuxOptions`),
    ),
  ],
  wrong: "spec: { securityContext: { seLinuxOptions: { type: spc_t } } }",
  right: "spec: { securityContext: { seLinuxOptions: { level: 's0:c123,c456' } } }",
};

function otherLabel(options: V1SELinuxOptions | undefined, field: string): readonly Found[] {
  const { type = "", user = "", role = "" } = options ?? {};
  return [
    ...(SELINUX_TYPES.has(type)
      ? []
      : [{ field: `${field}.type`, message: `${type} is not a type of containers` }]),
    ...(user === "" ? [] : [{ field: `${field}.user`, message: "chooses an SELinux user" }]),
    ...(role === "" ? [] : [{ field: `${field}.role`, message: "chooses an SELinux role" }]),
  ];
}

export const procMount: PodRule = {
  title: "a container sees all of /proc",
  why: "The parts that runtimes hide or make read-only change the kernel for others.",
  fix: "Leave procMount out.",
  remedy: "refused",
  find: ({ containers }) =>
    containers.flatMap(({ field, container: { securityContext } }) => {
      const mount = securityContext?.procMount ?? "Default";
      return mount === "Default"
        ? []
        : [{ field: `${field}.securityContext.procMount`, message: `is ${mount}` }];
    }),
  wrong:
    "spec: { hostUsers: false, containers: [{ name: app, image: app, securityContext: { procMount: Unmasked } }] }",
  right:
    "spec: { hostUsers: false, containers: [{ name: app, image: app, securityContext: { procMount: Default } }] }",
};
