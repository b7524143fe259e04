/**
 * Reads whoever was above a pod the last time all at once, instead of one after the other as each names the next. What the answers say is as
 * new as if they had been asked for later; who is asked for and turns out not to be above is asked for in vain.
 */
import type { Agent } from "#broker/lineage/lineage.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import type { Pod } from "../../kube/resource.ts";

export type Read = (agent: Agent) => Promise<Pod | undefined>;

/** Beyond it those that were looked at first are forgotten. */
const REMEMBERED_MAX = 16_384;

export class LastAbove {
  readonly #agents = new Map<string, readonly Agent[]>();

  /** Begins at once. Each is read once. */
  reading(uid: string, read: Read): Read {
    const begun = new Map<string, Promise<Pod | undefined>>();
    const once: Read = (agent) => {
      const known = begun.get(agent.pod.uid) ?? read(agent);
      begun.set(agent.pod.uid, known);
      return known;
    };
    for (const agent of this.#agents.get(uid) ?? []) {
      // Nobody may ever wait for it, and a failure that nobody waits for is none.
      once(agent).catch(() => undefined);
    }
    return once;
  }

  note(uid: string, ancestors: readonly Ancestor[]): void {
    this.#agents.delete(uid);
    const agents = ancestors.flatMap(({ kind, identity }) =>
      kind === "agent" && isAgent(identity) ? [identity] : [],
    );
    if (agents.length === 0) return;
    this.#agents.set(uid, agents);
    const [oldest] = this.#agents.keys();
    if (this.#agents.size > REMEMBERED_MAX && oldest !== undefined) this.#agents.delete(oldest);
  }
}

function isAgent(identity: Ancestor["identity"]): identity is Agent {
  return identity.serviceAccount !== undefined && identity.pod !== undefined;
}
