/** As whom containers run. The gateway's traffic is told from the agent's by its user alone, so nobody else may be that user. */
import { INIT_UID } from "../../../names.ts";
import type { PodView } from "../view.ts";
import type { Found, PodRule } from "./rule.ts";

const FIX_USER = "Write a runAsUser that is neither 0 nor one of the gateway's, for example 10001.";

export const statedUser: PodRule = {
  title: "a container does not say as whom it runs",
  why:
    "What is not said is left to the image, which admission cannot see and whose USER may be the gateway's. Only under " +
    "`rootless: deny` does the author have to say it; otherwise it is set.",
  fix: FIX_USER,
  remedy: "refused",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) =>
      container.securityContext?.runAsUser === undefined
        ? [{ field: `${field}.securityContext.runAsUser`, message: "is not set, so that the image decides" }]
        : [],
    ),
  wrong: "facts: { rootless: deny }",
  right: "facts: { rootless: deny }\nspec: { securityContext: { runAsUser: 1000 } }",
};

export const root: PodRule = {
  title: "a container runs as root",
  why: "Root without capabilities is held by capture, yet owns the files of its image and of its volumes.",
  fix: `${FIX_USER} Where the image needs root, ask for the label sallyport.dev/rootless=rootNoCaps on the namespace.`,
  remedy: "refused",
  find: ({ containers, facts }) =>
    facts.rootless === "rootNoCaps"
      ? []
      : containers.flatMap(({ field, container }) =>
          container.securityContext?.runAsUser === 0
            ? [{ field: `${field}.securityContext.runAsUser`, message: "is root" }]
            : [],
        ),
  wrong: "spec: { containers: [{ name: app, image: app, securityContext: { runAsUser: 0 } }] }",
  right:
    "facts: { rootless: rootNoCaps }\nspec: { containers: [{ name: app, image: app, securityContext: { runAsUser: 0 } }] }",
};

export const reservedUser: PodRule = {
  title: "a container runs as the gateway, or as what prepares it",
  why: "The gateway's own traffic is not captured, and is known by its user.",
  fix: `${FIX_USER} ${INIT_UID} is gw-init's.`,
  remedy: "refused",
  find: (view) =>
    [
      ...idsOf(view.spec.securityContext, "spec.securityContext"),
      ...view.containers.flatMap(({ field, container }) =>
        idsOf(container.securityContext, `${field}.securityContext`),
      ),
    ].flatMap(({ field, id }) => reserved(view, field, id)),
  wrong: `spec: { containers: [{ name: app, image: app, securityContext: { runAsUser: ${INIT_UID} } }] }`,
  right: "spec: { containers: [{ name: app, image: app, securityContext: { runAsUser: 65534 } }] }",
};

interface Ids {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly fsGroup?: number;
  readonly supplementalGroups?: readonly number[];
}

function idsOf(
  context: Ids | undefined,
  field: string,
): readonly { readonly field: string; readonly id: number }[] {
  const { runAsUser, runAsGroup, fsGroup, supplementalGroups = [] } = context ?? {};
  return [
    ...Object.entries({ runAsUser, runAsGroup, fsGroup }).flatMap(([name, id]) =>
      id === undefined ? [] : [{ field: `${field}.${name}`, id }],
    ),
    ...supplementalGroups.map((id, index) => ({ field: `${field}.supplementalGroups[${index}]`, id })),
  ];
}

function reserved({ gatewayUid }: PodView, field: string, id: number): readonly Found[] {
  if (id === gatewayUid) return [{ field, message: `${id} is the gateway's in this pod` }];
  // Groups tell nobody from anybody here; gw-init's is refused as a user only.
  return id === INIT_UID && field.endsWith(".runAsUser")
    ? [{ field, message: `${id} is that of gw-init` }]
    : [];
}
