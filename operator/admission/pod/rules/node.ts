/** What a pod shares with its node, or with itself, that capture cannot reach or the gateway cannot be kept from. */
import type { PodView } from "../view.ts";
import type { Found, PodRule } from "./rule.ts";

export const hostNetwork: PodRule = {
  title: "the pod uses the node's network",
  why: "Capture lives in the pod's own network namespace. In the node's there is none, and the node's addresses are trusted elsewhere.",
  fix: "Remove hostNetwork; reach the node through a Connection, or run the pod in a namespace without agents.",
  remedy: "refused",
  find: flag("hostNetwork", "shares the network of its node, where traffic cannot be captured"),
  wrong: "spec: { hostNetwork: true }",
  right: "spec: { hostNetwork: false }",
};

export const hostPid: PodRule = {
  title: "the pod sees the processes of its node",
  why: "Whoever sees a gateway's process can try to read its memory and files.",
  fix: "Remove hostPID.",
  remedy: "refused",
  find: flag("hostPID", "shares the processes of its node, gateways among them"),
  wrong: "spec: { hostPID: true }",
  right: "spec: { hostPID: false }",
};

export const hostIpc: PodRule = {
  title: "the pod shares memory and semaphores with its node",
  why: "What the node shares, other pods' gateways may share.",
  fix: "Remove hostIPC.",
  remedy: "refused",
  find: flag("hostIPC", "shares the memory segments of its node"),
  wrong: "spec: { hostIPC: true }",
  right: "spec: { hostIPC: false }",
};

export const sharedProcesses: PodRule = {
  title: "the containers of the pod share their processes",
  why: "The gateway's process, its environment and its root directory would be in sight of the agent, under /proc.",
  fix: "Remove shareProcessNamespace.",
  remedy: "refused",
  find: flag("shareProcessNamespace", "shows the gateway's process to every container of the pod"),
  wrong: "spec: { shareProcessNamespace: true }",
  right: "spec: { shareProcessNamespace: false }",
};

const WINDOWS_FIX =
  "Run it on Linux, or in a namespace without agents: there is no capture of traffic for Windows.";

export const windows: PodRule = {
  title: "the pod is for Windows",
  why: "Capture is made of nftables. Nothing captures the traffic of a Windows container.",
  fix: WINDOWS_FIX,
  remedy: "refused",
  find: ({ spec, containers }) => [
    ...found(spec.os !== undefined && spec.os.name !== "linux", "spec.os.name", "is not linux"),
    ...Object.entries(spec.nodeSelector ?? {})
      .filter(([label, value]) => OS_LABELS.has(label) && value !== "linux")
      .map(([label]) => ({
        field: `spec.nodeSelector[${label}]`,
        message: "selects nodes that do not run Linux",
      })),
    ...found(
      spec.securityContext?.windowsOptions !== undefined,
      "spec.securityContext.windowsOptions",
      "is for Windows containers",
    ),
    ...containers.flatMap(({ field, container }) =>
      found(
        container.securityContext?.windowsOptions !== undefined,
        `${field}.securityContext.windowsOptions`,
        "is for Windows containers",
      ),
    ),
  ],
  wrong: "spec: { os: { name: windows } }",
  right: "spec: { os: { name: linux }, nodeSelector: { kubernetes.io/os: linux } }",
};

const OS_LABELS: ReadonlySet<string> = new Set(["kubernetes.io/os", "beta.kubernetes.io/os"]);

export const mirror: PodRule = {
  title: "the pod claims to be a static one",
  why: "A mirror pod stands for what a node runs out of its own files, which nobody has admitted and nothing was put into.",
  fix: "Remove the annotation; only the node itself writes it.",
  remedy: "refused",
  find: ({ pod }) =>
    found(
      pod.metadata?.annotations?.[MIRROR] !== undefined,
      `metadata.annotations[${MIRROR}]`,
      "marks a static pod of a node",
    ),
  wrong: `metadata: { annotations: { kubernetes.io/config.mirror: "1" } }`,
  right: `metadata: { annotations: { kubernetes.io/description: "not a static pod" } }`,
};

const MIRROR = "kubernetes.io/config.mirror";

function flag(
  name: "hostNetwork" | "hostPID" | "hostIPC" | "shareProcessNamespace",
  message: string,
): (view: PodView) => readonly Found[] {
  return ({ spec }) => found(spec[name] === true, `spec.${name}`, message);
}

const found = (is: boolean, field: string, message: string): readonly Found[] =>
  is ? [{ field, message }] : [];
