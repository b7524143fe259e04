/** T46: an upstream that says back what it was given, to the agent. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connection, policy, UPSTREAM_PASSWORD } from "#test/gateway/support/kinds.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { until } from "#test/installed/support/until.ts";
import type { LiveThreat, Result } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { HOSTILE, startHostile } from "./support/hostile.ts";
import { psql } from "./support/psql.ts";

const NAME = "echo.shop";

/** A Connection to the hostile server; `more`: of its `postgres`. What the agent is told, and what the server was given. */
async function echoed({ pod }: NetworkField, more: object): Promise<Result> {
  const authority = makeAuthority();
  const ca = join(pod.folders.root, "hostile-ca.pem");
  writeFileSync(ca, authority.certPem);
  await using hostile = await startHostile(pod.network.world, { tls: authority.issue(`IP:${HOSTILE.host}`) });
  const made = connection(HOSTILE.port, join(pod.folders.root, "password"), {
    address: HOSTILE,
    reachedAs: [{ host: NAME }],
    tls: { ca: { file: ca } },
    postgres: { database: "postgres", user: "orders_agent", ...more },
  });
  pod.folders.write("echo.yaml", { ...made, metadata: { namespace: "shop", name: "echo" } });
  pod.folders.write("echo-policy.yaml", policy({ connections: { names: ["echo"] } }, "echo"));
  try {
    await until("the name is known", async () => (await pod.agent(["getent", "hosts", NAME])).stdout !== "");
    const { stderr } = await psql(pod, NAME, { PGPORT: String(HOSTILE.port) });
    const given = hostile.heard().includes(UPSTREAM_PASSWORD);
    const told = stderr.includes(UPSTREAM_PASSWORD);
    return {
      hasWorked: given || told,
      said: given ? `the server was given it; agent: ${told} ${stderr}` : stderr,
    };
  } finally {
    pod.folders.remove("echo.yaml");
    pod.folders.remove("echo-policy.yaml");
    await until("the name is gone", async () => (await pod.agent(["getent", "hosts", NAME])).stdout === "");
  }
}

export const ECHOES: LiveThreat<NetworkField> = {
  id: "T46",
  title: "an upstream that tells the agent what it was given",
  duels: [
    {
      name: "a server that asks for the password itself",
      without: (field) => echoed(field, { weakAuthentication: ["cleartext"] }),
      with: (field) => echoed(field, {}),
      stopped: /UPSTREAM_UNTRUSTED/,
    },
  ],
};
