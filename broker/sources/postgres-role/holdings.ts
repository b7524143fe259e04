/** Which roles are held by how many sessions. A role is retired once: when its last session is over and nobody came. */
import { createHash } from "node:crypto";
import type { Refusal } from "#core/values/refusal.ts";
import type { CredentialRequest } from "../source.ts";
import { type MakingDeps, type Role, isRole, makeRole } from "./making.ts";

export interface Holding {
  readonly made: Promise<Role | Refusal>;
}

interface Held extends Holding {
  readonly key: string;
  made: Promise<Role | Refusal>;
  role: Role | undefined;
  /** Sessions that have it, or wait for it. */
  holders: number;
  idleSinceMs: number;
  isRetired: boolean;
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

  /** The subject's role on this Connection, made if there is none. Every hold is let go once. */
  hold(request: CredentialRequest): Holding {
    const key = keyOfRequest(request);
    const found = this.#held.get(key);
    if (found !== undefined) {
      found.holders += 1;
      return found;
    }
    const made = Promise.withResolvers<Role | Refusal>();
    const held: Held = {
      key,
      made: made.promise,
      role: undefined,
      holders: 1,
      idleSinceMs: 0,
      isRetired: false,
    };
    this.#held.set(key, held);
    const making = this.#make(held, request)
      .then(made.resolve, made.reject)
      .finally(() => this.#making.delete(making));
    this.#making.add(making);
    return held;
  }

  letGo(holding: Holding, why: "released" | "revoked"): void {
    const held = holding as Held;
    held.holders -= 1;
    held.idleSinceMs = this.#deps.now();
    if (held.holders === 0 && (why === "revoked" || this.#lingerMs === 0)) this.#retire(held);
  }

  sweep(): void {
    const { now } = this.#deps;
    for (const held of this.#held.values()) {
      if (held.holders === 0 && now() - held.idleSinceMs >= this.#lingerMs) this.#retire(held);
    }
  }

  retireAll(): void {
    for (const held of this.#held.values()) this.#retire(held);
  }

  async settled(): Promise<void> {
    while (this.#making.size > 0) await Promise.all(this.#making);
  }

  async #make(held: Held, request: CredentialRequest): Promise<Role | Refusal> {
    try {
      const made = await makeRole(this.#deps, request);
      if (!isRole(made)) this.#forget(held);
      else if (held.isRetired) this.#takeBack(made);
      else held.role = made;
      return made;
    } catch (error) {
      this.#forget(held);
      throw error;
    }
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
    this.#deps.undo.add(role.name, role.template, role.upstream);
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
