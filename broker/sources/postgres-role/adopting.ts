/**
 * A role that its session brings with it from another broker. The server lets the session go on whatever becomes of the broker that made
 * the role; so what is taken on is the duty to take it back, and a key for what the session may yet open.
 */
import { isDeepStrictEqual } from "node:util";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { CredentialRequest } from "../source.ts";
import { refusalFor } from "../static.ts";
import { markText } from "./identity.ts";
import { drawKey } from "./key.ts";
import { type MakingDeps, type Role, asNoCredential, roleOf } from "./making.ts";
import { rekeyRole } from "./minting.ts";
import { keyOf } from "./undoing.ts";

/** The name is what the session says. It gets none but a role of its own subject, on this Connection. */
export async function adoptRole(
  deps: MakingDeps,
  request: CredentialRequest,
  name: string,
): Promise<Role | Refusal> {
  const role = roleOf(deps, request, name);
  if (role === undefined) return refusal("CREDENTIAL_UNAVAILABLE");
  const refused = await takeOn(deps, role, request.subject, "anew");
  if (refused === undefined) return role;
  role.key[Symbol.dispose]();
  return refused;
}

/** Of a role that we have, when one of its sessions comes back: another broker may have had it in between. */
export async function stillOurs(
  deps: MakingDeps,
  request: CredentialRequest,
  role: Role,
): Promise<Refusal | undefined> {
  const { key } = role;
  const refused = await takeOn(deps, role, request.subject, "as it is");
  if (role.key !== key) key[Symbol.dispose]();
  return refused;
}

async function takeOn(
  deps: MakingDeps,
  role: Role,
  subject: string,
  how: "anew" | "as it is",
): Promise<Refusal | undefined> {
  const { alive, journal, note, undo } = deps;
  const { name, entry, upstream } = role;
  const { shared } = journal;
  if (shared === undefined) return gone();
  if (!undo.keep(entry))
    return refusal("CREDENTIAL_UNAVAILABLE", "the role that the session had is being taken back");
  alive.add(name);
  let isHeld = false;
  try {
    const found = await shared.adopt(name, (other) => isDeepStrictEqual(other, entry));
    if (found === undefined) return gone();
    isHeld = (how === "as it is" && found === "kept") || (await rekey(deps, role, subject));
    if (!isHeld) return gone();
    note("role.taken-on", { role: name, connection: keyOf(upstream) });
    return undefined;
  } catch (error) {
    return refusalFor(asNoCredential(error), upstream, note);
  } finally {
    if (!isHeld) {
      alive.delete(name);
      // The session may ask again. Nobody else has it in mind now.
      if (journal.pending().some(({ id }) => id === name)) undo.addLater(entry, upstream);
    }
  }
}

/** The key that another broker drew is its own. False when there is no such role any more. */
async function rekey({ broker, minters, signal }: MakingDeps, role: Role, subject: string): Promise<boolean> {
  const { name, upstream, ttlSeconds, connectionsMax } = role;
  const key = drawKey();
  const comment = markText({ broker, connection: keyOf(upstream), subject });
  const isThere = await minters.at(
    upstream,
    async (connectTo) => {
      using admin = await connectTo();
      const { verifier } = key;
      return await rekeyRole(admin, { role: name, verifier, comment, ttlSeconds, connectionsMax });
    },
    signal,
  );
  if (isThere) role.key = key;
  return isThere;
}

function gone(): Refusal {
  return refusal("LEASE_ENDED", "the role that the session had has been taken back");
}
