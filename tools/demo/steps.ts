/** What the demo shows: each step is what the agent did, what it got, and what was recorded. */
import { setTimeout as pause } from "node:timers/promises";
import type { Session } from "../postgres/client.ts";
import type { AgentAnswer } from "./agent.ts";
import type { Conversation } from "./conversation.ts";
import { type Evidence, type Row, inWords } from "./evidence.ts";
import { type Narrator, table } from "./narrate.ts";
import { NotShown, expect } from "./not-shown.ts";

export interface Stage {
  readonly narrator: Narrator;
  readonly agent: Conversation;
  readonly evidence: Evidence;
  /** The database's administrator, to show what is seen from there. */
  readonly root: Session;
  readonly readPolicy: () => Promise<string>;
  readonly writePolicy: (text: string) => Promise<void>;
}

const READ = "select id, name, country from customers where country = 'NO' order by id limit 3";
const CONTACTS = "select id, name, email from customers where id <= 3 order by id";
const ROLES = "select rolname from pg_roles where rolname like 'sp\\_%' order by 1";
const IN_FORCE_MS_MAX = 10_000;
const TAKEN_BACK_MS_MAX = 30_000;

export async function tell(stage: Stage): Promise<void> {
  await mintedRole(stage);
  await permitted(stage);
  await masked(stage);
  await refused(
    stage,
    "A dump is refused, in words an agent can act on",
    "select * from customers",
    "WHERE or LIMIT",
  );
  await refused(stage, "DROP TABLE is refused", "drop table orders cascade", "migrations");
  stage.narrator.say(
    "The role owns that table. Nothing but the gateway stood between the agent and the DROP.",
  );
  await liveEdit(stage);
  await takenBack(stage);
  await verified(stage);
}

async function mintedRole({ narrator, agent, evidence, root }: Stage): Promise<void> {
  narrator.step("An agent without a password is let in");
  narrator.agent(
    `connects with ${Object.entries(agent.environment)
      .filter(([name]) => name.startsWith("PG"))
      .map((pair) => pair.join("="))
      .join(" ")}`,
  );
  const roles = await root.query(ROLES);
  expect(roles.length === 1, "one role was minted for it");
  narrator.got([`a session, as the role ${String(roles[0]?.["rolname"])} that did not exist before`]);
  narrator.recorded(words(await evidence.since(({ event }) => event.kind === "credential")));
}

async function permitted({ narrator, agent, evidence }: Stage): Promise<void> {
  narrator.step("A read that policy permits");
  const rows = await shown(narrator, agent, READ);
  expect(rows.length === 3, "three customers in Norway");
  narrator.recorded(words(await evidence.since(({ event }) => event.kind === "result")));
  narrator.say("The text of the statement lies beside it, sealed under a key of its session.");
}

async function masked({ narrator, agent, evidence }: Stage): Promise<void> {
  narrator.step("E-mail addresses come back masked");
  const rows = await shown(narrator, agent, CONTACTS);
  expect(
    rows.length === 3 && rows.every(([, , email]) => email?.includes("@") === false),
    "masked addresses",
  );
  narrator.recorded(words(await evidence.since(({ event }) => event.kind === "result")));
}

async function refused(
  { narrator, agent, evidence }: Stage,
  title: string,
  statement: string,
  advice: string,
): Promise<void> {
  narrator.step(title);
  narrator.agent(statement);
  const answer = await agent.ask(statement);
  expect(
    "refused" in answer && answer.code === "42501" && answer.refused.includes(advice),
    `a refusal: ${JSON.stringify(answer)}`,
  );
  narrator.refused(complaint(answer));
  narrator.recorded(words(await evidence.since(({ event }) => event["outcome"] === "deny")));
}

async function liveEdit({ narrator, agent, evidence, readPolicy, writePolicy }: Stage): Promise<void> {
  narrator.step("A policy edit changes the live session");
  narrator.say(
    "reporting.yaml gets one more masked column; the agent stays connected and runs a statement it has prepared before.",
  );
  const before = await readPolicy();
  const line = "          - public.customers.email\n";
  await writePolicy(before.replace(line, `${line}          - public.customers.name\n`));
  const editedMs = performance.now();
  const deadlineMs = editedMs + IN_FORCE_MS_MAX;
  let rows: AgentAnswer = await agent.ask(CONTACTS);
  while (!isNameMasked(rows)) {
    expect(performance.now() < deadlineMs, "the edit in force");
    await pause(20);
    rows = await agent.ask(CONTACTS);
  }
  const tookMs = Math.round(performance.now() - editedMs);
  narrator.agent(CONTACTS);
  narrator.got(tableOf(rows));
  await writePolicy(before);
  narrator.say(`In force ${tookMs} ms after the file was saved. Now the edit is taken back.`);
  const events = await evidence.since(({ event }) => event.kind === "result" && event["maskedValues"] === 6);
  narrator.recorded(words(events.slice(-2)));
}

function isNameMasked(answer: AgentAnswer): boolean {
  if ("refused" in answer) throw new NotShown(`the agent's session: ${answer.refused}`);
  return answer.rows.length === 3 && answer.rows.every(([, name]) => name === answer.rows[0]?.[1]);
}

async function takenBack({ narrator, agent, evidence, root }: Stage): Promise<void> {
  narrator.step("The agent leaves, and its role is gone");
  narrator.agent("ends its session");
  await agent.finish();
  const leftMs = performance.now();
  while ((await root.query(ROLES)).length > 0) {
    expect(performance.now() - leftMs < TAKEN_BACK_MS_MAX, "the role taken back");
    await pause(50);
  }
  narrator.got([
    `pg_roles has no minted role any more, ${((performance.now() - leftMs) / 1_000).toFixed(1)} s later`,
  ]);
  narrator.recorded(words(await evidence.since(({ event }) => event.kind === "session.close")));
}

async function verified({ narrator, evidence }: Stage): Promise<void> {
  narrator.step("The evidence can be checked by anyone");
  narrator.agent(`sallyport audit verify ${evidence.directory}`);
  narrator.got((await evidence.command("audit", "verify", evidence.directory)).trimEnd().split("\n"));
}

async function shown(
  narrator: Narrator,
  agent: Conversation,
  statement: string,
): Promise<readonly (readonly string[])[]> {
  narrator.agent(statement);
  const answer = await agent.ask(statement);
  if ("refused" in answer) throw new NotShown(`${statement}: ${answer.refused}`);
  narrator.got(tableOf(answer));
  return answer.rows;
}

function tableOf(answer: AgentAnswer): string[] {
  return "refused" in answer ? complaint(answer) : table(answer.columns, answer.rows);
}

function complaint(answer: AgentAnswer): string[] {
  if (!("refused" in answer)) return [];
  const { refused: message, code, detail, hint } = answer;
  return [
    `ERROR ${code}: ${message}`,
    ...(detail === "" ? [] : [`DETAIL: ${detail}`]),
    ...(hint === "" ? [] : [`HINT: ${hint}`]),
  ];
}

function words(rows: readonly Row[]): string[] {
  return rows.map(inWords);
}
