/** What the kubelet does for a container. */
import type { V1HTTPGetAction, V1TCPSocketAction } from "@kubernetes/client-node";
import type { PodRule } from "./rule.ts";

interface Handler {
  readonly httpGet?: V1HTTPGetAction;
  readonly tcpSocket?: V1TCPSocketAction;
}

export const handlerHost: PodRule = {
  title: "a probe or hook lets the kubelet call another host",
  why: "The kubelet calls from the node, uncaptured: a way to send what the probe's path and headers say to anyone.",
  fix: "Leave host out: the kubelet calls the pod.",
  remedy: "refused",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) => {
      const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
      const handlers: Readonly<Record<string, Handler | undefined>> = {
        livenessProbe,
        readinessProbe,
        startupProbe,
        "lifecycle.postStart": lifecycle?.postStart,
        "lifecycle.preStop": lifecycle?.preStop,
      };
      return Object.entries(handlers).flatMap(([name, handler]) =>
        (["httpGet", "tcpSocket"] as const).flatMap((action) => {
          const host = handler?.[action]?.host ?? "";
          if (host === "") return [];
          return [
            { field: `${field}.${name}.${action}.host`, message: "lets the kubelet call another host" },
          ];
        }),
      );
    }),
  wrong:
    "spec: { containers: [{ name: app, image: app, livenessProbe: { httpGet: { host: collector.example, path: /, port: 80 } } }] }",
  right:
    "spec: { containers: [{ name: app, image: app, livenessProbe: { httpGet: { path: /, port: 80 } } }] }",
};
