/** Makes one role, and keeps it valid. What fails is a refusal, and then nothing of the role stays behind. */
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Journal, JournalEntry } from "../../leases/journal.ts";
import { type Note, causeOf } from "../../note.ts";
import { type CredentialRequest, NoCredential, type Upstream } from "../source.ts";
import { refusalFor } from "../static.ts";
import { markText, roleName } from "./identity.ts";
import { type RoleKey, drawKey } from "./key.ts";
import { FIELD, type Minters } from "./minter.ts";
import { extendRole, mintRole, whyNotTemplate } from "./minting.ts";
import { type Undoing, entryFor, keyOf } from "./undoing.ts";

export interface MakingDeps {
  readonly journal: Journal;
  readonly minters: Minters;
  readonly undo: Undoing;
  /** Roles that somebody has the duty to take back, from before they exist. */
  readonly alive: Set<string>;
  /** Names this broker in the marks of its roles; the same after a restart. */
  readonly broker: string;
  readonly now: () => number;
  readonly note: Note;
  /** Ends what is under way when the broker stops. */
  readonly signal: AbortSignal;
}

export interface Role {
  readonly name: string;
  /** As it stands in the journal: whose it is, and where. */
  readonly entry: JournalEntry;
  readonly upstream: Upstream;
  readonly template: string;
  readonly ttlSeconds: number;
  /** Another one when another broker had the role meanwhile. */
  key: RoleKey;
  connectionsMax: number;
  validUntilMs: number;
}

const TTL_SECONDS_DEFAULT = 900;
/** A session may need a second connection, to look into the catalog. */
const CONNECTIONS_PER_SESSION = 2;
const SESSIONS_DEFAULT = 100;

export async function makeRole(deps: MakingDeps, request: CredentialRequest): Promise<Role | Refusal> {
  const { upstream, subject } = request;
  const role = roleOf(deps, request, roleName(upstream.ref, subject));
  if (role === undefined) return refusal("CREDENTIAL_UNAVAILABLE");
  const failed = await make(deps, role, subject);
  if (failed === undefined) return role;
  role.key[Symbol.dispose]();
  return failed;
}

/** With a key of its own: the one that another broker drew went with it. */
export function roleOf({ now }: MakingDeps, request: CredentialRequest, name: string): Role | undefined {
  const { upstream, concurrentSessionsMax } = request;
  const source = upstream.spec.credential.source?.postgresRole;
  if (source === undefined) return undefined;
  const { template, ttlSeconds = TTL_SECONDS_DEFAULT } = source;
  return {
    name,
    entry: entryFor(name, request),
    upstream,
    template,
    ttlSeconds,
    key: drawKey(),
    connectionsMax: connectionsFor(concurrentSessionsMax),
    validUntilMs: now() + ttlSeconds * 1000,
  };
}

async function make(deps: MakingDeps, role: Role, subject: string): Promise<Refusal | undefined> {
  const { name, entry, upstream } = role;
  const { alive, broker, journal, note, now } = deps;
  const connection = keyOf(upstream);
  const startedMs = now();
  alive.add(name);
  let isBegun = false;
  try {
    await journal.begin(entry);
    isBegun = true;
    const comment = markText({ broker, connection, subject });
    await mint(deps, role, comment);
  } catch (error) {
    alive.delete(name);
    // The server may have made it and only the answer been lost.
    if (isBegun) deps.undo.add(entry, upstream);
    return refusalFor(asNoCredential(error), upstream, note);
  }
  note("role.minted", { role: name, connection, ms: now() - startedMs });
  return undefined;
}

function mint({ minters, signal }: MakingDeps, role: Role, comment: string): Promise<void> {
  const { name, template, ttlSeconds, connectionsMax, key } = role;
  return minters.at(
    role.upstream,
    async (connectTo) => {
      using admin = await connectTo();
      const why = await whyNotTemplate(admin, template);
      if (why !== undefined) throw new NoCredential(`${FIELD}.template`, why);
      await mintRole(admin, {
        role: name,
        template,
        verifier: key.verifier,
        comment,
        ttlSeconds,
        connectionsMax,
      });
    },
    signal,
  );
}

/** Asks the server only when what it has been told does not suffice. */
export async function keepValid(
  { minters, now, note, signal }: MakingDeps,
  role: Role,
  wanted: Pick<CredentialRequest, "untilMs" | "concurrentSessionsMax">,
  stop: AbortSignal,
): Promise<Refusal | undefined> {
  const ttlMs = role.ttlSeconds * 1000;
  const connectionsMax = Math.max(role.connectionsMax, connectionsFor(wanted.concurrentSessionsMax));
  // A role cannot be valid for longer than its time to live; half of it is what a renewal has to leave.
  const neededMs = Math.min(wanted.untilMs, now() + ttlMs / 2);
  if (neededMs <= role.validUntilMs && connectionsMax === role.connectionsMax) return undefined;
  const startedMs = now();
  try {
    await minters.at(
      role.upstream,
      async (connectTo) => {
        using admin = await connectTo();
        await extendRole(admin, { role: role.name, ttlSeconds: role.ttlSeconds, connectionsMax });
      },
      AbortSignal.any([stop, signal]),
    );
  } catch (error) {
    stop.throwIfAborted();
    return refusalFor(asNoCredential(error), role.upstream, note);
  }
  role.connectionsMax = connectionsMax;
  role.validUntilMs = Math.max(role.validUntilMs, startedMs + ttlMs);
  return undefined;
}

export function isRole(made: Role | Refusal): made is Role {
  return !isRefusal(made);
}

function connectionsFor(sessionsMax: number = SESSIONS_DEFAULT): number {
  return sessionsMax * CONNECTIONS_PER_SESSION;
}

/** Networks, servers and disks fail; a TypeError is ours. */
export function asNoCredential(error: unknown): unknown {
  if (error instanceof NoCredential || error instanceof TypeError) return error;
  return new NoCredential(FIELD, causeOf(error), { cause: error });
}
