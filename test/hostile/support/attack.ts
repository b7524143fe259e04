/** One attack, said in the words of the protocol: to a server alone, where it has to work, and through the gateway. */
import { once } from "node:events";
import { connect } from "node:net";
import { startupMessage, PROTOCOL_3_0 } from "#core/wire/postgres/startup.ts";
import type { PostgresServer } from "#tools/postgres/server.ts";
import { overSocket, type Message, valuesOf, type WireClient } from "#test/postgres/support/wire.ts";

/** What is sent before the next answer is waited for. */
export type Step = readonly Buffer[];

/** A client of the server itself, who may do whatever its owner may. */
export async function directClient(
  { socketFolder, port }: PostgresServer,
  user = "postgres",
): Promise<WireClient> {
  const socket = connect(`${socketFolder}/.s.PGSQL.${port}`);
  await once(socket, "connect");
  const client = overSocket(socket);
  client.send(startupMessage(PROTOCOL_3_0, { user, database: "postgres" }));
  await client.untilReady();
  return client;
}

/** Says one step after the other; everything that was heard, up to the hanging up of the other side. */
export async function say(client: WireClient, steps: readonly Step[]): Promise<Message[]> {
  const heard: Message[] = [];
  for (const step of steps) {
    client.send(...step);
    for (let left = readies(step); left > 0; left -= 1) {
      const part = await client.untilReady();
      heard.push(...part);
      if (part.at(-1)?.type !== "Z") return heard;
    }
  }
  return heard;
}

/** One ReadyForQuery for each Query and each Sync. */
const readies = (step: Step): number =>
  step.filter((message) => message[0] === 0x51 || message[0] === 0x53).length;

/** Every value of every row. */
export const valuesIn = (heard: readonly Message[]): (string | null)[] =>
  heard.filter(({ type }) => type === "D").flatMap(valuesOf);

/** Whether any message has these bytes. */
export const shows = (heard: readonly Message[], text: string): boolean =>
  heard.some(({ bytes }) => bytes.includes(text));
