/**
 * A login role of its own for each subject on each Connection, made when the first session needs it and taken back after
 * the last. Written down before it is made, so that whoever finds the journal can take back what a crash left.
 */
import { isRefusal, refusal } from "#core/values/refusal.ts";
import type { Journal } from "../../leases/journal.ts";
import type { Note } from "../../note.ts";
import { unlessAborted } from "../../waiting.ts";
import { type PasswordDeps, type PasswordPlace, passwordsOf } from "../password.ts";
import type { Credential, CredentialSource } from "../source.ts";
import { type Holding, Holdings } from "./holdings.ts";
import { janitor } from "./janitor.ts";
import { type MakingDeps, type Role, keepValid } from "./making.ts";
import { FIELD, minters } from "./minter.ts";
import { undoing } from "./undoing.ts";

export interface PostgresRoleDeps extends PasswordDeps {
  readonly journal: Journal;
  /** Names this broker in the marks of its roles; the same after a restart. */
  readonly broker: string;
  readonly now: () => number;
  readonly note: Note;
  /** How long a role that no session holds is kept for the next one. */
  readonly lingerMs: number;
}

const CLOSING_MS_MAX = 5_000;
const MINTER_PLACES = ["file", "env", "secret"] as const satisfies readonly PasswordPlace[];

export function postgresRoleSource({
  environment,
  secrets,
  lingerMs,
  ...given
}: PostgresRoleDeps): CredentialSource {
  const passwords = passwordsOf({ environment, secrets });
  const closing = new AbortController();
  const common = { ...given, minters: minters(passwords), signal: closing.signal };
  const undo = undoing(common);
  const alive = new Set<string>();
  const deps: MakingDeps = { ...common, undo, alive };
  const holdings = new Holdings(deps, lingerMs);
  const cleaner = janitor({ ...deps, isAlive: (role) => alive.has(role) });

  async function settled(): Promise<void> {
    await holdings.settled();
    await cleaner.settled();
    await undo.settled();
  }

  return {
    check({ spec }) {
      const minter = spec.credential.source?.postgresRole?.minter;
      const closed = MINTER_PLACES.filter((place) => minter?.[place] !== undefined)
        .map((place) => passwords.closed(place, `${FIELD}.minter`))
        .find((why) => why !== undefined);
      if (closed === undefined) return undefined;
      return refusal("CREDENTIAL_UNAVAILABLE", `the minter's password is in ${closed}`);
    },
    async lease(request, stop) {
      const wrong = this.check(request.upstream);
      if (wrong !== undefined) return wrong;
      const holding = holdings.hold(request);
      let isGiven = false;
      try {
        const made = await unlessAborted(holding.made, stop);
        if (isRefusal(made)) return made;
        const refused = await keepValid(deps, made, request, stop);
        if (refused !== undefined) return refused;
        isGiven = true;
        return credentialOf(deps, holdings, holding, made);
      } finally {
        if (!isGiven) holdings.letGo(holding, "released");
      }
    },
    sweep(upstreams) {
      holdings.sweep();
      undo.run(upstreams);
      cleaner.run(upstreams);
    },
    settled,
    async [Symbol.asyncDispose]() {
      const giveUp = setTimeout(() => closing.abort(new Error("the broker stops")), CLOSING_MS_MAX);
      holdings.close();
      await settled();
      clearTimeout(giveUp);
      closing.abort(new Error("the broker has stopped"));
    },
  };
}

function credentialOf(deps: MakingDeps, holdings: Holdings, holding: Holding, role: Role): Credential {
  let isHeld = true;
  return {
    user: role.name,
    get validUntilMs() {
      return role.validUntilMs;
    },
    prove: async (challenge) => (isHeld ? role.key.prove(challenge) : refusal("LEASE_ENDED")),
    extend: async (untilMs, stop) =>
      isHeld ? keepValid(deps, role, { untilMs }, stop) : refusal("LEASE_ENDED"),
    end(why) {
      if (!isHeld) return;
      isHeld = false;
      holdings.letGo(holding, why);
    },
  };
}
