/** What a container may do beyond its user's rights. Capture holds because the agent can change neither rules nor user. */
import type { PodRule } from "./rule.ts";

export const privileged: PodRule = {
  title: "a container is privileged",
  why: "It has every capability and every device, and so the node.",
  fix: "Remove privileged, or run it in a namespace without agents.",
  remedy: "refused",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) =>
      container.securityContext?.privileged === true
        ? [
            {
              field: `${field}.securityContext.privileged`,
              message: "makes the container master of its node",
            },
          ]
        : [],
    ),
  wrong: "spec: { containers: [{ name: app, image: app, securityContext: { privileged: true } }] }",
  right: "spec: { containers: [{ name: app, image: app, securityContext: { privileged: false } }] }",
};

/** Binds ports below 1024 and nothing else; the gateway's own are above. */
const HARMLESS: ReadonlySet<string> = new Set(["NET_BIND_SERVICE"]);

const REASONS: Readonly<Record<string, string>> = {
  NET_ADMIN: "could take the rules of capture away",
  NET_RAW: "could send packets that the rules of capture never see",
  SETUID: "could become the gateway's user, whose traffic is let through",
  SYS_PTRACE: "could read other processes",
  SYS_ADMIN: "is root in all but name",
  ALL: "is every capability there is",
};

export const addedCapability: PodRule = {
  title: "a container adds a capability",
  why:
    "NET_ADMIN takes the rules away, NET_RAW sends past them, SETUID becomes the gateway's user; most others lead to one of these. " +
    "NET_BIND_SERVICE may stay.",
  fix: "Remove it from capabilities.add. Where a service mesh's init container needs it, use the mesh's CNI plugin instead.",
  remedy: "refused",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) =>
      (container.securityContext?.capabilities?.add ?? []).flatMap((name, index) =>
        HARMLESS.has(name)
          ? []
          : [
              {
                field: `${field}.securityContext.capabilities.add[${index}]`,
                message: `${name} ${REASONS[name.replace(/^CAP_/, "")] ?? "is not given to agents"}`,
              },
            ],
      ),
    ),
  wrong:
    "spec: { containers: [{ name: app, image: app, securityContext: { capabilities: { add: [NET_ADMIN] } } }] }",
  right:
    "spec: { containers: [{ name: app, image: app, securityContext: { capabilities: { add: [NET_BIND_SERVICE] } } }] }",
};

export const capabilities: PodRule = {
  title: "a container keeps capabilities",
  why: "Those that runtimes give by default include NET_RAW and SETUID, with which root walks past capture.",
  fix: "Write capabilities: { drop: [ALL] }.",
  remedy: "forced",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) =>
      container.securityContext?.capabilities?.drop?.includes("ALL") === true
        ? []
        : [{ field: `${field}.securityContext.capabilities.drop`, message: "does not drop ALL" }],
    ),
  wrong:
    "spec: { containers: [{ name: app, image: app, securityContext: { capabilities: { drop: [NET_RAW] } } }] }",
  right:
    "spec: { containers: [{ name: app, image: app, securityContext: { capabilities: { drop: [ALL] } } }] }",
};

export const privilegeEscalation: PodRule = {
  title: "a container may gain rights by executing a file",
  why: "A set-user-id file in an image could make its caller the gateway's user.",
  fix: "Write allowPrivilegeEscalation: false.",
  remedy: "forced",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) =>
      container.securityContext?.allowPrivilegeEscalation === false
        ? []
        : [{ field: `${field}.securityContext.allowPrivilegeEscalation`, message: "is not false" }],
    ),
  wrong:
    "spec: { containers: [{ name: app, image: app, securityContext: { allowPrivilegeEscalation: true } }] }",
  right:
    "spec: { containers: [{ name: app, image: app, securityContext: { allowPrivilegeEscalation: false } }] }",
};
