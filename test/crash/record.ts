/** What is on record in the end, read as an auditor reads it. */
import { join } from "node:path";
import { createBroker } from "#broker/broker.ts";
import { openTrail } from "#broker/trail/file-trail.ts";
import { directoryKeyring } from "#broker/trail/keyring.ts";
import { readTrail } from "#broker/trail/read.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { type Texts, openTexts } from "#broker/trail/texts.ts";
import { type Verification, verifyTrail } from "#broker/trail/verify.ts";
import { parseLeaf } from "#core/audit/leaf.ts";
import { type EventFields, shownEvents, textsOf } from "#core/audit/requests.ts";

export interface StoredRecord {
  /** Texts of statements that were permitted, and of those that were refused. */
  readonly permitted: readonly string[];
  readonly refused: readonly string[];
  /** How many events there are of each kind. */
  readonly kinds: ReadonlyMap<string, number>;
  readonly verification: Verification;
}

export async function readRecord(data: string): Promise<StoredRecord> {
  const directory = join(data, "trail");
  const texts = await openTexts(realDisk, join(directory, "session-keys"), join(data, "keys"));
  const { kinds, statements } = await readStatements(directory, texts);
  const of = (outcome: string): string[] =>
    statements.filter((each) => each.outcome === outcome).map(({ text }) => text);
  return {
    permitted: of("allow"),
    refused: of("deny"),
    kinds,
    verification: await verifyTrail({ disk: realDisk, directory, texts }),
  };
}

/** Longer than any lease of a broker that was killed. */
const NOBODY_LEFT_MS = 10 * 60_000;

/** Starts a broker on what the killed ones left and lets the time pass after which nobody speaks for their sessions. */
export async function endInheritedRecords(data: string): Promise<void> {
  let lateMs = 0;
  const now = (): number => Date.now() + lateMs;
  const common = { disk: realDisk, broker: "after-the-crash", note: () => undefined };
  const places = { directory: join(data, "trail"), keyring: directoryKeyring(realDisk, join(data, "keys")) };
  await using trail = await openTrail({ ...common, ...places, nowMs: now });
  await using broker = await createBroker({
    ...common,
    directory: join(data, "broker"),
    trail,
    variables: {},
    now,
    tickMs: Number.POSITIVE_INFINITY,
  });
  lateMs = NOBODY_LEFT_MS;
  broker.sweep();
  await broker.settled();
}

interface Statement {
  readonly outcome: string;
  readonly text: string;
}

async function readStatements(directory: string, texts: Texts) {
  const kinds = new Map<string, number>();
  const statements: Statement[] = [];
  let last: EventFields = {};
  for await (const entry of readTrail({ disk: realDisk, directory })) {
    if (entry.kind === "leaf") {
      last = parseLeaf(entry.leaf) ?? {};
      for (const { kind } of shownEvents(last)) kinds.set(String(kind), (kinds.get(String(kind)) ?? 0) + 1);
    } else if (entry.kind === "text") {
      const outcomes = new Map(shownEvents(last).map(({ request, outcome }) => [request, String(outcome)]));
      for (const { request, text } of textsOf(last, texts.open(entry)?.text ?? new Uint8Array()) ?? [])
        statements.push({ outcome: outcomes.get(request) ?? "", text: Buffer.from(text).toString("utf8") });
    }
  }
  return { kinds, statements };
}
