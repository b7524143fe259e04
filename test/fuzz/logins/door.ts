/** The gateway's side of one case: what its session runner does with a client, with the real protocol and the real proofs. */
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { answerWithPassword } from "#broker/sources/answering.ts";
import type { Challenge, ConnectionView, Proof } from "#core/port/port.ts";
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import { SecretBytes } from "#core/values/secret.ts";
import type { postgresProtocol } from "#sidecar/protocols/postgres/protocol.ts";
import type { MemoryBudget } from "#sidecar/protocols/postgres/long-row.ts";
import { modelCatalog } from "../mirror/engine.ts";
import { RecordingTap } from "../mirror/tap.ts";
import { DATABASE, type LoginsCase } from "./case.ts";
import { LEASED_USER, PASSWORD, TOKEN } from "./secrets.ts";
import type { Stillness } from "./stillness.ts";

export interface DoorParts {
  readonly case: LoginsCase;
  readonly protocol: typeof postgresProtocol;
  readonly budget: MemoryBudget;
  readonly stillness: Stillness;
  /** Of the listener. */
  readonly tls: SecureContext;
  readonly upstreamPort: number;
  /** Of the Connection, with and without. */
  readonly upstreamTls: Readonly<Record<"on" | "off", ConnectionView["spec"]["tls"]>>;
}

/** What has come of it, as far as the gateway knows. */
export interface Outcome {
  readonly refusals: Refusal[];
  readonly tokens: string[];
  readonly cancels: Buffer[];
  isIdentified: boolean;
  isConnected: boolean;
}

export async function carry(
  socket: Socket,
  parts: DoorParts,
  outcome: Outcome,
  signal: AbortSignal,
): Promise<void> {
  const { listener } = parts.case;
  const protocol = parts.protocol({
    // What is asked in a session is for other fuzzers.
    analyse: () => ({ protocol: "postgres", statements: [] }),
    openCatalog: () => Promise.resolve(modelCatalog({ actions: (found) => found })),
    budget: parts.budget,
  });
  const settings = {
    listener: "test",
    identity: listener.perClient ? ("perClient" as const) : ("ambient" as const),
    tls: listener.tls ? parts.tls : undefined,
    cancel: (key: Uint8Array) => void outcome.cancels.push(Buffer.from(key)),
    progressed: () => undefined,
    cancelKey: (length: number) => Buffer.alloc(length, 0x6b),
  };
  const greeting = await protocol.greet(socket, settings, signal);
  if (greeting === undefined) return;
  if (isRefusal(greeting)) return void outcome.refusals.push(greeting);
  const refuse = async (why: Refusal): Promise<void> => {
    outcome.refusals.push(why);
    await greeting.refuse(why);
  };
  const { evidence } = greeting;
  if (evidence.kind === "token") {
    const token = Buffer.from(evidence.token).toString("latin1");
    outcome.tokens.push(token);
    if (token !== TOKEN) return refuse(refusal("IDENTITY_INVALID"));
  }
  outcome.isIdentified = true;
  const target = targetOf(parts);
  const unsuited = greeting.unsuited?.(target.connection);
  if (unsuited !== undefined) return refuse(unsuited);
  greeting.welcome();
  const session = await greeting.connect(target, signal);
  if (isRefusal(session)) return refuse(session);
  outcome.isConnected = true;
  const { refusal: why } = await session.relay(new RecordingTap(false, () => false), signal);
  if (why !== undefined) outcome.refusals.push(why);
}

function targetOf({ case: { connection }, upstreamPort, upstreamTls, stillness }: DoorParts) {
  const owner = { field: "test", user: LEASED_USER, upstream: "test" };
  return {
    connection: {
      metadata: { name: "orders", namespace: "test" },
      spec: {
        protocol: "postgres",
        address: { host: "127.0.0.1", port: upstreamPort },
        tls: upstreamTls[connection.tls ? "on" : "off"],
        postgres: { database: DATABASE, weakAuthentication: connection.weak },
      },
    },
    lease: { lease: "lease", user: LEASED_USER, expiresMs: Infinity },
    // As the broker: answers whatever it is asked. What must not be asked is the protocol's to know.
    prove: (challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal> =>
      stillness.during(
        answerWithPassword(challenge, new SecretBytes(Buffer.from(PASSWORD)), { ...owner, signal }).then(
          (proof) => proof ?? refusal("CREDENTIAL_REFUSED"),
        ),
      ),
    sessionMark: "sallyport:test",
  } as const;
}
