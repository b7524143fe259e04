/** What is shown of a cluster: each step is what somebody types, and what comes of it. */
import { setTimeout as pause } from "node:timers/promises";
import type { Narrator } from "../narrate.ts";
import { expect } from "../not-shown.ts";
import { type OpenSession, PSQL, inAgent, openSession } from "./agent.ts";
import { SHOP, type Town } from "./town.ts";

export interface Stage {
  readonly narrator: Narrator;
  readonly town: Town;
}

const ONE = "select name, email from customers where id = 1";
const ROLES = "select count(*) from pg_roles where rolname like 'sp\\_%'";
const POLL_MS = 50;
const WAIT_MS_MAX = 60_000;
/** One more masked column, as somebody would write it in an editor. */
const EDIT = [
  {
    op: "replace",
    path: "/spec/mask/0/postgres/columns",
    value: ["public.customers.email", "public.customers.name"],
  },
];

export async function tell(stage: Stage): Promise<void> {
  const pod = await injected(stage);
  await reads(stage);
  await refuses(stage);
  await elsewhere(stage, pod);
  await using session = openSession(stage.town);
  await liveEdit(stage, session);
  await ended(stage, session, pod);
}

async function injected({ narrator, town }: Stage): Promise<string> {
  narrator.step("A stock image, a manifest that says nothing of Sallyport, a labelled namespace");
  const select = ["kubectl", "get", "pods", "-n", SHOP, "-l", "app=agent"];
  const name = (await town.sh([...select, "-o", "jsonpath={.items[0].metadata.name}"])).trim();
  const containers = `jsonpath={.spec.initContainers[*].name} {.spec.containers[*].name}`;
  const names = await town.sh(["kubectl", "get", "pod", name, "-n", SHOP, "-o", containers]);
  expect(names === "gw-init gw agent", `the gateway in the pod: ${names}`);
  narrator.got([`pod ${name}: ${names}`]);
  const environment = await town.sh(inAgent(["env"]));
  expect(!/password/i.test(environment), "no password in the agent's environment");
  narrator.say("The agent has no password: not in its image, its environment, or any file that it can read.");
  return name;
}

async function reads({ narrator, town }: Stage): Promise<void> {
  narrator.step("psql as ever, without a password; addresses come back masked");
  const command = [...PSQL, `--command=${ONE}`];
  narrator.agent(`psql -h orders-db.shop -d shop -c "${ONE}"`);
  const rows = await town.sh(inAgent(command));
  expect(rows.includes("Ada Becker | ***"), `a masked row: ${rows}`);
  narrator.got(rows.trimEnd().split("\n"));
}

async function refuses({ narrator, town }: Stage): Promise<void> {
  narrator.step("A dump and a DROP are refused, in words that an agent can act on");
  for (const [statement, why] of [
    ["select * from customers", /Name the rows you need with WHERE or LIMIT/],
    ["drop table orders", /no rule allows this: ddl on public\.orders/],
  ] as const) {
    narrator.agent(statement);
    const { code, stderr } = await town.run(inAgent([...PSQL, `--command=${statement}`]));
    expect(code !== 0 && why.test(stderr), `a refusal: ${stderr}`);
    narrator.refused(complaints(stderr));
  }
}

async function elsewhere({ narrator, town }: Stage, pod: string): Promise<void> {
  narrator.step("Every other way out is closed, and somebody can find out why");
  narrator.agent("curl http://192.0.2.1/");
  const told = await town.sh(inAgent(["curl", "--silent", "--max-time", "20", "http://192.0.2.1/"]));
  expect(told.includes("DESTINATION_UNKNOWN"), `a refusal: ${told}`);
  narrator.refused([told.trim()]);
  const command = ["kubectl", "sallyport", "diagnose", "-n", SHOP, pod];
  narrator.you(command.join(" "));
  const diagnosed = await until("what was refused in the diagnosis", async () => {
    const { stdout, stderr } = await town.run(command);
    return { isSo: stdout.includes("refused lately"), said: stdout + stderr };
  });
  narrator.got(diagnosed.trimEnd().split("\n"));
}

async function liveEdit({ narrator, town }: Stage, session: OpenSession): Promise<void> {
  narrator.step("A policy edit changes a session that is open");
  const before = await session.ask(ONE);
  expect(before.join("\n") === "Ada Becker|***", `a row: ${before.join("\n")}`);
  narrator.agent(ONE);
  narrator.got(before);
  narrator.you("kubectl edit secretaccesspolicy reporting -n shop: mask names, too");
  const patch = ["kubectl", "patch", "secretaccesspolicy/reporting", "-n", SHOP, "--type=json"];
  await town.sh([...patch, `--patch=${JSON.stringify(EDIT)}`]);
  const editedMs = performance.now();
  const rows = await until("the edit in force", async () => {
    const said = (await session.ask(ONE)).join("\n");
    return { isSo: said === "***|***", said };
  });
  const tookMs = Math.round(performance.now() - editedMs);
  narrator.agent(ONE);
  narrator.got([rows]);
  narrator.say(`The same session, ${tookMs} ms after kubectl was done.`);
}

async function ended({ narrator, town }: Stage, session: OpenSession, pod: string): Promise<void> {
  narrator.step("Who is connected, and an end to it");
  const list = ["kubectl", "sallyport", "sessions", "-n", SHOP];
  const sessions = await until("the session in the list", async () => {
    const { stdout, stderr } = await town.run(list);
    return { isSo: stdout.includes(`${SHOP}/${pod}`), said: stdout + stderr };
  });
  narrator.you(list.join(" "));
  narrator.got(sessions.trimEnd().split("\n"));
  const kill = ["kubectl", "sallyport", "kill", "-n", SHOP, "--pod", pod];
  narrator.you(kill.join(" "));
  narrator.got((await town.sh(kill)).trimEnd().split("\n"));
  narrator.agent(ONE);
  const told = await session.ask(ONE);
  expect(
    told.some((line) => line.includes("REVOKED")),
    `the end of the session: ${told.join("\n")}`,
  );
  narrator.refused(complaints(told.join("\n")));
  const count = ["kubectl", "exec", "deployment/orders-db", "-n", "data", "--", "bash", "-c"];
  const ask = `PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -U postgres -d shop -qtAc "${ROLES}"`;
  await until("no role that was made for it", async () => {
    const { stdout, stderr } = await town.run([...count, ask]);
    return { isSo: stdout.trim() === "0", said: stdout + stderr };
  });
  narrator.say("The role that had been made for it in the database is gone; who ended it is on record.");
}

/** What psql adds to show where in the statement is not for here. */
function complaints(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => /^(?:psql: )?(?:ERROR|FATAL|DETAIL|HINT)/.test(line))
    .map((line) => line.replace(/ {2,}/g, " "));
}

/** What was said when it was so. */
async function until(
  what: string,
  look: () => Promise<{ readonly isSo: boolean; readonly said: string }>,
): Promise<string> {
  for (const deadlineMs = performance.now() + WAIT_MS_MAX; ; await pause(POLL_MS)) {
    const { isSo, said } = await look();
    if (isSo) return said;
    expect(performance.now() < deadlineMs, `${what}: ${said}`);
  }
}
