/** T30: the name in TLS is not the name that was looked up, nor the address that is dialled. */
import { serve } from "#test/capture/support/attempts.ts";
import { runGwInit } from "#test/capture/support/gw-init.ts";
import { GATEWAY, WORLD, startIn } from "#test/capture/support/network.ts";
import { until } from "#test/installed/support/until.ts";
import { connection } from "#test/gateway/support/kinds.ts";
import { join } from "node:path";
import type { LiveThreat, Result } from "../support/duel.ts";
import { ATTACKER, type NetworkField, UPSTREAM_NAME, UPSTREAM_PORT, programOf } from "./support/field.ts";
import { psql, served } from "./support/psql.ts";
import { type Dial, dial } from "./support/trying.ts";

const ALLOWED = "orders.shop";
const CLOSED = "closed.shop";

const IN_TLS: Dial = { host: WORLD.v4, port: UPSTREAM_PORT, sni: ALLOWED, alpn: "postgresql" };

/** A pod with the same rules, whose gateway goes by what the client says. */
const believed =
  (said: Dial = IN_TLS) =>
  async ({ spare, init }: NetworkField): Promise<Result> => {
    await using network = await spare();
    await using _world = await serve(network.world, undefined, {
      name: "WORLD",
      tcp: [5432],
      addresses: [WORLD.v4],
    });
    if (runGwInit(init.file, network.pod).status !== 0) throw new Error("the pod is not captured");
    await using gateway = await startIn(network.pod, GATEWAY, [
      "/usr/bin/python3",
      programOf("believer.py"),
      ALLOWED,
    ]);
    await gateway.line(/^listening$/m);
    await dial(network.pod, [said]);
    const [given] = await gateway.line(/^gave the credential to .*$/m);
    return { hasWorked: true, said: given };
  };

async function heardBy({ impostor }: NetworkField, act: () => Promise<string>): Promise<Result> {
  const before = impostor.output();
  const said = await act();
  return { hasWorked: impostor.output() !== before, said };
}

const addressOf = async ({ pod }: NetworkField, name: string): Promise<string> =>
  (await pod.agent(["getent", "ahostsv4", name])).stdout.split(" ")[0] ?? "";

/** A Connection that no policy opens, at the very server of the one that is open. */
async function withClosed(field: NetworkField, act: () => Promise<string>): Promise<string> {
  const { folders } = field.pod;
  const made = connection(UPSTREAM_PORT, join(folders.root, "password"), {
    address: { host: UPSTREAM_NAME, port: UPSTREAM_PORT },
    reachedAs: [{ host: CLOSED }],
  });
  folders.write("closed.yaml", { ...made, metadata: { namespace: "shop", name: "closed" } });
  try {
    await until("the name is known", async () => (await addressOf(field, CLOSED)) !== "");
    return await act();
  } finally {
    folders.remove("closed.yaml");
    await until("the name is gone", async () => (await addressOf(field, CLOSED)) === "");
  }
}

const connectTo = (host: string): string =>
  `CONNECT ${host}:${UPSTREAM_PORT} HTTP/1.1\r\nHost: ${ALLOWED}\r\n\r\n`;

/** TLS from the first byte on, with a name of one's own in it. */
const DIRECT = { PGSSLMODE: "require", PGSSLNEGOTIATION: "direct" };

export const NAMES_IN_TLS: LiveThreat<NetworkField> = {
  id: "T30",
  title: "the name in TLS, the name looked up and the address are three",
  duels: [
    {
      name: "a Connection's name in TLS, at the attacker's address",
      without: believed(),
      with: (field) =>
        heardBy(field, async () => {
          const at = { host: ATTACKER.address, port: UPSTREAM_PORT, sni: ALLOWED, alpn: "postgresql" };
          return (await dial(field.pod.network.pod, [at]))[0] ?? "";
        }),
      stopped: /DENIED|UNKNOWN_CA|DESTINATION_UNKNOWN/,
    },
    {
      name: "psql told that the attacker's address is the Connection's host",
      without: believed(),
      with: (field) =>
        heardBy(field, () => served(field.pod, ALLOWED, { ...DIRECT, PGHOSTADDR: ATTACKER.address })),
      stopped: /DESTINATION_UNKNOWN|access denied/,
    },
    {
      name: "an open Connection's name in TLS, at the address of one that is closed",
      without: believed(),
      with: (field) =>
        heardBy(field, () =>
          withClosed(field, async () => {
            const PGHOSTADDR = await addressOf(field, CLOSED);
            const { code, stderr } = await psql(field.pod, ALLOWED, { ...DIRECT, PGHOSTADDR });
            return code === 0 ? "IMPOSTOR: served" : stderr;
          }),
        ),
      stopped: /DENY_NO_POLICY/,
    },
    {
      name: "a tunnel asked of the gateway by CONNECT",
      without: believed({ host: "192.0.2.1", port: UPSTREAM_PORT, say: connectTo(WORLD.v4), seconds: 1 }),
      with: (field) =>
        heardBy(field, async () => {
          const say = connectTo(ATTACKER.address);
          const host = await addressOf(field, ALLOWED);
          return (
            (await dial(field.pod.network.pod, [{ host, port: UPSTREAM_PORT, say, seconds: 1 }]))[0] ?? ""
          );
        }),
      stopped: /CLIENT_PROTOCOL/,
    },
  ],
};
