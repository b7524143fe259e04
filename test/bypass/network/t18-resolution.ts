/** T18: files of the pod that every root container can write lead the gateway to an attacker. */
import type { Duel, LiveThreat } from "../support/duel.ts";
import { type NetworkField, UPSTREAM_NAME, UPSTREAM_PORT } from "./support/field.ts";
import { served } from "./support/psql.ts";

/** As programs do that ask the system, in the gateway's container: its hosts and name servers are poisoned. */
const CONNECT = `
import socket
with socket.create_connection(("${UPSTREAM_NAME}", ${UPSTREAM_PORT}), 5) as client:
    client.sendall(b"the gateway's greeting")
    print(client.recv(64).decode())`;

const ASK = `
const { Resolver } = require("node:dns");
new Resolver().resolve4("${UPSTREAM_NAME}", (error, found) => {
  if (error) throw error;
  require("node:net").connect(${UPSTREAM_PORT}, found[0], function () { this.write("the gateway's greeting"); }).on("data", (said) => {
    console.log(String(said));
    process.exit();
  });
});`;

function led(name: string, command: readonly string[]): Duel<NetworkField> {
  return {
    name,
    without: async ({ pod }) => {
      const said = (await pod.poisoned(command)).trim();
      return { hasWorked: said === "IMPOSTOR", said: `led to ${said}` };
    },
    with: async ({ pod, impostor }) => {
      const heard = impostor.output();
      const said = await served(pod);
      return { hasWorked: impostor.output() !== heard, said };
    },
    stopped: /^served$/,
  };
}

export const RESOLUTION: LiveThreat<NetworkField> = {
  id: "T18",
  title: "the pod's hosts and resolv.conf are poisoned",
  duels: [
    led("a line in /etc/hosts for the upstream", ["/usr/bin/python3", "-c", CONNECT]),
    led("a name server of the attacker's in /etc/resolv.conf", [process.execPath, "-e", ASK]),
  ],
};
