/** psql: what the server says by itself, large objects, cancels, losses, the schema. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Features, ask, port } from "./common.ts";
import { CLEAR, DRIVER, NOTES, type Running, type Settings, psql, start } from "./psql-base.ts";

const POLL_MS = 20;
const NO_POOL = "it has one connection";

export const ending: Features = {
  // The other session's process is named with it, which is another one each time.
  listen: async () =>
    withoutPids(await psql("listen drivers;\nnotify drivers, 'one';\nnotify drivers, 'two';\n")),
  "listen-again": async () => {
    const client = start("listen drivers;\nselect 'listening';\n");
    await until(client, "listening");
    await ask("end all connections");
    client.say("select 1;\n");
    const said = (await client.ended).filter((line) => line.includes("FATAL"));
    return [said, withoutPids(await psql("listen drivers;\nnotify drivers, 'again';\n"))];
  },
  notices: () => psql("rollback;\ndrop table if exists nothing_of_that_name;\n"),
  "large-objects": () => largeObject({}),
  "large-objects-any": () => largeObject({ port: port("ANY") }),
  cancel: async () => {
    const client = start("select 'asleep';\nselect pg_sleep(60);\nselect 4;\n");
    await until(client, "asleep");
    await pause(300);
    client.interrupt();
    return await client.ended;
  },
  "cancel-streaming": async () => {
    const client = start(
      "copy (select repeat('z', 200) from people a, people b, people c) to stdout;\nselect 4;\n",
    );
    await until(client, "zzz");
    client.interrupt();
    const said = await client.ended;
    return said.map((line) => line.replace(/^z+/, "")).filter((line) => line !== "");
  },
  "statement-timeout": () => psql("set statement_timeout = 300;\nselect pg_sleep(60);\nselect 4;\n"),
  "client-timeout": "it waits",
  "connection-lost": async () => {
    const client = start(
      `${CLEAR}begin;\ninsert into notes values ('${DRIVER}', 1, 'lost');\nselect 'open';\n`,
    );
    await until(client, "open");
    await ask("end all connections");
    client.say(`select 1;\n`);
    const said = await client.ended;
    return [said.filter((line) => line.includes("FATAL")), await psql(NOTES)];
  },
  "reconnect-under-load": NO_POOL,
  "pool-reset": NO_POOL,
  introspection: () =>
    psql(
      [
        String.raw`\d books`,
        String.raw`\dt public.*`,
        String.raw`\dT+ mood`,
        String.raw`\di books*`,
        String.raw`\dn`,
      ].join("\n") + "\n",
    ).then(withoutOwners),
  "orm-relations": "no ORM",
  "orm-schema": "no ORM",
};

async function until(client: Running, words: string): Promise<void> {
  while (!client.printed().includes(words)) {
    if (client.printed().includes("ERROR")) throw new Error(client.printed());
    await pause(POLL_MS);
  }
}

const withoutPids = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/with PID \d+/, "with PID"));

/** Tables that others of this run have made meanwhile belong to other roles on the two sides. */
const withoutOwners = (lines: readonly string[]): string[] =>
  lines.filter((line) => !/_(?:ddl|copied|shelf)\b/.test(line));

/** By libpq's own functions, which call the server's by number. */
async function largeObject(changed: Settings): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-psql-"));
  try {
    writeFileSync(join(folder, "in"), "of the large kind");
    const script = `begin;
\\lo_import '${folder}/in'
\\lo_export :LASTOID '${folder}/out'
\\lo_unlink :LASTOID
commit;\n`;
    const said = await psql(script, changed);
    const refused = said.filter((line) => line.includes("ERROR"));
    if (refused.length > 0) throw new Error(said.join(" "));
    return readFileSync(join(folder, "out"), "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
