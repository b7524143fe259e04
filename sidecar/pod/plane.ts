/** What becomes of captured connections: a session of the Connection that they lead to, the agent's own page, or a refusal. */
import type { Socket } from "node:net";
import type { Refusal } from "#core/values/refusal.ts";
import type { OriginalDestination } from "#runtime/native/sockets.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Listener } from "../gateway/listener.ts";
import { sharing } from "../protocols/shared-reads.ts";
import type { PodAuthority } from "./authority.ts";
import type { Route } from "./capture.ts";
import {
  type Destination,
  OWN_NAME,
  type Routes,
  destinationOf,
  routesOf,
  sayPlace,
} from "./destinations.ts";
import type { VirtualNames } from "./names/virtual.ts";
import type { PodSettings } from "./settings.ts";

export interface PlaneOptions {
  readonly gateway: Pick<Gateway, "plan" | "onPlan" | "take" | "recordStranger">;
  readonly pod: PodSettings["pod"];
  readonly names: VirtualNames;
  readonly authority: Pick<PodAuthority, "contextFor">;
  readonly destination: (client: Socket) => OriginalDestination | undefined;
  /** For clients of the agent's own page; the socket is its own from here on. */
  readonly serveOwn: (client: Socket) => void;
  /** Answers with the id by which the agent can ask for it. */
  readonly onRefused: (why: Refusal, where: string) => string;
  /** Why there is no plan, when there is none. */
  readonly withoutPlan: () => Refusal;
  /** How long the first plan may take; until then clients wait. */
  readonly planMsMax: number;
}

export interface Plane {
  /** The routes in force. While the first plan may still be on its way it is waited for; undefined: there is none. */
  routes(): Promise<Routes | undefined>;
  route(client: Socket): Promise<Route>;
  /** Whoever still waits for a plan is told that there is none. */
  stopWaiting(): void;
}

/** What captured clients arrive at, in records, metrics and the broker's words. */
const LISTENER = "pod";

export function openPlane(options: PlaneOptions): Plane {
  const { gateway, pod, names } = options;
  const patience = Promise.withResolvers<void>();
  let routes: Routes | undefined;
  const late = setTimeout(patience.resolve, options.planMsMax).unref();
  const adopt = ({ connections }: NonNullable<Gateway["plan"]>): void => {
    routes = routesOf(connections, pod.namespace);
    clearTimeout(late);
    patience.resolve();
  };
  if (gateway.plan !== undefined) adopt(gateway.plan);
  gateway.onPlan(adopt);

  const planned = async (): Promise<Routes | undefined> => {
    if (routes === undefined) await patience.promise;
    return routes;
  };
  return {
    routes: planned,
    stopWaiting: patience.resolve,
    async route(client) {
      const dialled = options.destination(client);
      // Whoever was not redirected has dialled the gateway itself: there is no destination to be had.
      if (dialled === undefined) return { kind: "close" };
      const { address, port } = dialled;
      const name = names.nameAt(address);
      // The agent's own page is there when there is nothing else: it says why.
      const known = name === OWN_NAME ? (routes ?? routesOf([], pod.namespace)) : await planned();
      const where = sayPlace(name ?? address, port);
      if (known === undefined) return refuse(options.withoutPlan(), where, name ?? address, options);
      const there = destinationOf({ address, port, name, isVirtual: names.covers(address) }, known);
      return go(client, there, { where, host: name ?? address }, options);
    },
  };
}

function go(
  client: Socket,
  there: Destination,
  { where, host }: { readonly where: string; readonly host: string },
  options: PlaneOptions,
): Route {
  switch (there.kind) {
    case "connection":
      client.setNoDelay(true).setKeepAlive(true);
      options.gateway.take(sharing(client), listenerOf(there, options));
      return { kind: "taken" };
    case "own":
      options.serveOwn(client);
      return { kind: "taken" };
    case "none": {
      const pod = `${options.pod.namespace}/${options.pod.name}`;
      const { code } = there.why;
      options.gateway.recordStranger({ kind: "destination.refused", code, pod, destination: where });
      return refuse(there.why, where, host, options);
    }
  }
}

function refuse(why: Refusal, where: string, host: string, { onRefused, authority }: PlaneOptions): Route {
  const id = onRefused(why, where);
  const said = { ...why, publicText: `${why.publicText} (refusal ${id})` };
  return { kind: "refused", why: said, tls: () => authority.contextFor(host) };
}

function listenerOf(
  { connection, host }: Extract<Destination, { kind: "connection" }>,
  { authority, pod }: PlaneOptions,
): Listener {
  const { metadata, spec } = connection;
  return {
    name: LISTENER,
    connection: { namespace: metadata.namespace ?? pod.namespace, name: metadata.name },
    protocol: spec.protocol,
    onlyUid: undefined,
    greeting: {
      listener: LISTENER,
      identity: "ambient",
      // What is relayed as it is has the upstream's own certificate.
      tls: spec.protocol === "tcp" ? undefined : authority.contextFor(host),
    },
  };
}
