/** What the Gateway says, split among those who need it: the broker who is there, everyone else where to listen. */
import type { Connection, Gateway } from "#core/api/kinds.gen.ts";
import type { Loaded } from "#core/api/loaded.ts";
import { DEFAULT_NAMESPACE } from "#core/policy/connection-selector.ts";
import type { ListenerIdentity } from "../config.ts";
import type { ListenerPlan } from "./messages.ts";

export interface GatewayPlan {
  readonly listeners: readonly ListenerPlan[];
  readonly identities: Readonly<Record<string, ListenerIdentity>>;
}

type ListenerSpec = Gateway["spec"]["listeners"][number];

/** Undefined in words: what the person who wrote the files has to do. */
export function gatewayPlan({ gateways, connections }: Loaded, directory: string): GatewayPlan | string {
  const [gateway, other] = gateways;
  if (gateway === undefined)
    return `there is no valid Gateway below ${directory}, so there is nowhere to listen; \`sallyport lint ${directory}\` shows what is wrong, and \`sallyport help listeners\` has one to start from`;
  if (other !== undefined)
    return `there are ${gateways.length} Gateways below ${directory} (${gateways.map(({ metadata }) => metadata.name).join(", ")}); one gateway runs one, so keep one`;
  const { listeners } = gateway.spec;
  return {
    listeners: listeners.flatMap((listener) => planOf(listener, connections)),
    identities: Object.fromEntries(listeners.map((listener) => [listener.name, identityOf(listener)])),
  };
}

/** A listener that leads nowhere cannot even refuse: how that is said is its Connection's protocol. */
function planOf(listener: ListenerSpec, connections: readonly Connection[]): readonly ListenerPlan[] {
  const { name, connection, socket, address, identity, tls } = listener;
  const found = connections.find(
    ({ metadata }) =>
      metadata.name === connection.name && (metadata.namespace ?? DEFAULT_NAMESPACE) === connection.namespace,
  );
  if (found === undefined) return [];
  const where =
    socket === undefined ? address && ({ kind: "address", ...address } as const) : socketAt(socket);
  if (where === undefined) return [];
  const uid = identity.ambient?.uid;
  const database = found.spec.postgres?.database;
  return [
    {
      name,
      connection,
      protocol: found.spec.protocol,
      where,
      identity: identity.ambient === undefined ? "perClient" : "ambient",
      ...(uid === undefined ? {} : { uid }),
      ...(tls === undefined ? {} : { tls }),
      ...(database === undefined ? {} : { database }),
    },
  ];
}

const socketAt = (path: string) => ({ kind: "socket", path }) as const;

function identityOf({ identity: { ambient, perClient } }: ListenerSpec): ListenerIdentity {
  if (ambient?.tokenFile !== undefined) return { kind: "ambient", from: "file", path: ambient.tokenFile };
  if (ambient?.gitlab !== undefined) return { kind: "ambient", from: "variable", name: ambient.gitlab.name };
  if (ambient?.github !== undefined) return { kind: "ambient", from: "github", ...ambient.github };
  return { kind: "perClient", providers: perClient?.providers ?? [] };
}
