/** Which roles are held by how many sessions. A role is retired once: when its last session is over and nobody came. */
import { createHash } from "node:crypto";
import type { Refusal } from "#core/values/refusal.ts";
import type { CredentialRequest } from "../source.ts";
import { adoptRole, stillOurs } from "./adopting.ts";
import { type MakingDeps, type Role, isRole, makeRole } from "./making.ts";

export interface Holding {
  readonly made: Promise<Role | Refusal>;
  readonly of: Held;
}

interface Held {
  readonly key: string;
  /** Of a role that another broker has made. */
  readonly adopted: string | undefined;
  readonly made: Promise<Role | Refusal>;
  role: Role | undefined;
  /** Sessions that have it, or wait for it. */
  holders: number;
  idleSinceMs: number;
  /** We stop, and a session that has it may go on with another broker. */
  isLeft: boolean;
  isRetired: boolean;
  /** One at a time: each may draw another key. */
  confirming: Promise<unknown>;
}

export class Holdings {
  readonly #deps: MakingDeps;
  readonly #lingerMs: number;
  readonly #held = new Map<string, Held>();
  readonly #making = new Set<Promise<unknown>>();

  constructor(deps: MakingDeps, lingerMs: number) {
    this.#deps = deps;
    this.#lingerMs = lingerMs;
  }

  /** The subject's role on this Connection, made if there is none, or the one that its session has. Every hold is let go once. */
  hold(request: CredentialRequest): Holding {
    const { user } = request;
    const shared = keyOfRequest(request);
    const own = this.#held.get(shared);
    const isOther = own !== undefined && user !== undefined && user !== (own.adopted ?? own.role?.name);
    // Whoever came before it has another one.
    const key = isOther ? `${shared} ${user}` : shared;
    const found = this.#held.get(key);
    if (found !== undefined) {
      found.holders += 1;
      return { of: found, made: user === undefined ? found.made : this.#confirmed(found, request) };
    }
    const made = Promise.withResolvers<Role | Refusal>();
    const held: Held = {
      key,
      adopted: user,
      made: made.promise,
      role: undefined,
      holders: 1,
      idleSinceMs: 0,
      isLeft: false,
      isRetired: false,
      confirming: made.promise,
    };
    this.#held.set(key, held);
    const making = this.#make(held, request)
      .then(made.resolve, made.reject)
      .finally(() => this.#making.delete(making));
    this.#making.add(making);
    return { of: held, made: made.promise };
  }

  letGo({ of: held }: Holding, why: "released" | "revoked" | "left"): void {
    held.holders -= 1;
    if (why === "left") held.isLeft = true;
    held.idleSinceMs = this.#deps.now();
    if (held.holders === 0 && !held.isLeft && (why === "revoked" || this.#lingerMs === 0)) this.#retire(held);
  }

  sweep(): void {
    const { now } = this.#deps;
    for (const held of this.#held.values()) {
      if (held.holders === 0 && !held.isLeft && now() - held.idleSinceMs >= this.#lingerMs)
        this.#retire(held);
    }
  }

  /** Where there is another broker, what sessions have is left to whichever they go on with. */
  close(): void {
    const mayLeave = this.#deps.journal.shared !== undefined;
    for (const held of this.#held.values()) {
      if (mayLeave && held.isLeft && held.role !== undefined) this.#leave(held, held.role);
      else this.#retire(held);
    }
  }

  async settled(): Promise<void> {
    while (this.#making.size > 0) await Promise.all(this.#making);
  }

  async #make(held: Held, request: CredentialRequest): Promise<Role | Refusal> {
    try {
      const made = await this.#roleFor(held, request);
      if (!isRole(made)) this.#forget(held);
      else if (held.isRetired) this.#takeBack(made);
      else held.role = made;
      return made;
    } catch (error) {
      this.#forget(held);
      throw error;
    }
  }

  /** A session that comes with its role from elsewhere: it may be another broker's by now, though we still think that we have it. */
  #confirmed(held: Held, request: CredentialRequest): Promise<Role | Refusal> {
    const before = held.confirming.catch(() => undefined);
    const confirmed = before.then(async () => {
      const role = await held.made;
      if (!isRole(role)) return role;
      const refused = await stillOurs(this.#deps, request, role);
      if (refused?.code === "LEASE_ENDED") this.#lose(held);
      return refused ?? role;
    });
    held.confirming = confirmed;
    const work = confirmed.then(
      () => undefined,
      () => undefined,
    );
    this.#making.add(work);
    void work.then(() => this.#making.delete(work));
    return confirmed;
  }

  /** It is not ours, or not there any more: there is nothing to take back. */
  #lose(held: Held): void {
    this.#forget(held);
    held.isRetired = true;
    held.role?.key[Symbol.dispose]();
  }

  #roleFor({ adopted }: Held, request: CredentialRequest): Promise<Role | Refusal> {
    return adopted === undefined ? makeRole(this.#deps, request) : adoptRole(this.#deps, request, adopted);
  }

  #leave(held: Held, role: Role): void {
    this.#forget(held);
    held.isRetired = true;
    role.key[Symbol.dispose]();
    this.#deps.alive.delete(role.name);
  }

  #forget(held: Held): void {
    if (this.#held.get(held.key) === held) this.#held.delete(held.key);
  }

  #retire(held: Held): void {
    this.#forget(held);
    if (held.isRetired) return;
    held.isRetired = true;
    // One that is still being made is taken back as soon as it is there.
    if (held.role !== undefined) this.#takeBack(held.role);
  }

  #takeBack(role: Role): void {
    role.key[Symbol.dispose]();
    this.#deps.alive.delete(role.name);
    this.#deps.undo.add(role.entry, role.upstream);
  }
}

/** An edit of where the Connection leads, or of how roles are made there, asks for another role. */
function keyOfRequest({ upstream, subject }: CredentialRequest): string {
  const { address, tls, credential, postgres } = upstream.spec;
  const text = JSON.stringify([
    upstream.ref.namespace,
    upstream.ref.name,
    subject,
    address,
    tls,
    credential,
    postgres,
    upstream.caPem,
  ]);
  return createHash("sha256").update(text).digest("base64");
}
