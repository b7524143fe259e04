/** The same raw client, on the server itself. */
import { randomBytes } from "node:crypto";
import { serialize } from "pg-protocol";
import { readAuthentication } from "#core/wire/postgres/messages.ts";
import { clientFirst, scramProof } from "#core/wire/postgres/scram.ts";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";
import type { PostgresServer } from "#tools/postgres/server.ts";
import { rawClient, type WireClient } from "./wire.ts";

export async function passwordClient(
  { port, password }: PostgresServer,
  user = "postgres",
  database = "postgres",
): Promise<WireClient> {
  const client = await rawClient(port);
  const authentication = async (): Promise<string> => {
    const { bytes } = (await client.until(({ type }) => type === "R")).at(-1) ?? { bytes: Buffer.alloc(9) };
    return readAuthentication(bytes, 0, bytes.length).data.toString("utf8");
  };
  client.send(startupMessage(PROTOCOL_3_0, { user, database }));
  await authentication();
  const first = clientFirst(randomBytes(18), { kind: "unsupported" });
  client.send(serialize.sendSASLInitialResponseMessage("SCRAM-SHA-256", first.message));
  const serverFirst = await authentication();
  const { bare: clientFirstBare, channelBinding } = first;
  const proof = scramProof({ clientFirstBare, serverFirst, channelBinding }, Buffer.from(password));
  client.send(serialize.sendSCRAMClientFinalMessage(proof?.clientFinal ?? ""));
  await client.untilReady();
  return client;
}
