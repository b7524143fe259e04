/** What has to be taken back is one replica's at a time, whichever is killed and whichever comes back. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { GONE_AFTER_MS, type LeaseJournal, openLeaseJournal } from "#operator/broker/lease-journal.ts";
import { RECORD_LABEL, REPORT } from "#operator/broker/report.ts";
import type { Kube } from "#operator/kube/client.ts";
import type { Clock } from "#operator/kube/clock.ts";
import { LEASES, objectKey } from "#operator/kube/resource.ts";
import { openLog } from "#runtime/log.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { NAMESPACE, type World, call, forever } from "../support/world.ts";

const MADE = { namespace: NAMESPACE, labelSelector: `${RECORD_LABEL}=made`, ...call };
const log = openLog({ write: () => undefined, nowMs: Date.now, level: "error" });

type Step =
  | { readonly do: "begin" | "end" | "kill" | "start" | "look"; readonly at: 0 | 1 }
  | { readonly do: "pass"; readonly ms: number };

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step("begin", "end") },
    { weight: 4, arbitrary: step("kill", "start", "look") },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(60_000, GONE_AFTER_MS) }),
    },
  ),
  { minLength: 6, maxLength: 24 },
);

function step(...names: readonly ("begin" | "end" | "kill" | "start" | "look")[]) {
  return fc.record({ do: fc.constantFrom(...names), at: fc.constantFrom(0 as const, 1 as const) });
}

/** Two replicas, their clock, and what they have begun and not ended. */
class Pair {
  readonly names = [`a-${randomUUID()}`, `b-${randomUUID()}`] as const;
  readonly begun = new Set<string>();
  readonly #kube: Kube;
  readonly #journals = new Map<number, LeaseJournal>();
  #nowMs = 0;

  constructor(kube: Kube) {
    this.#kube = kube;
  }

  async run(step: Step): Promise<void> {
    if (step.do === "pass") {
      // Those that live say so all the while; whoever looks now and then sees it.
      this.#nowMs += step.ms;
      for (const at of this.#journals.keys()) await this.#say(at);
      return;
    }
    const journal = this.#journals.get(step.at);
    if (step.do === "start") return this.start(step.at);
    if (journal === undefined) return;
    if (step.do === "kill") this.#journals.delete(step.at);
    else if (step.do === "look") await journal.look(forever);
    else if (step.do === "begin") {
      const id = `role-${randomUUID()}`;
      await journal.begin({ id, facts: { template: "t" } });
      this.begun.add(id);
    } else {
      const [first] = journal.pending();
      if (first === undefined) return;
      await journal.end(first.id);
      this.begun.delete(first.id);
    }
  }

  async start(at: number): Promise<void> {
    if (this.#journals.has(at)) return;
    const clock: Clock = {
      monotonicMs: () => this.#nowMs,
      wallMs: () => this.#nowMs,
      sleep: () => Promise.reject(new Error("nobody sleeps here")),
    };
    const name = this.names[at] ?? "";
    const options = { kube: this.#kube, namespace: NAMESPACE, name, clock, log, lookEveryMs: Infinity };
    this.#journals.set(at, await openLeaseJournal(options, forever));
    await this.#say(at);
  }

  async kill(at: number): Promise<void> {
    this.#journals.delete(at);
  }

  pending(at: number): readonly string[] {
    return (this.#journals.get(at)?.pending() ?? []).map(({ id }) => id);
  }

  /** What is there, by whose it is. */
  async held(): Promise<ReadonlyMap<string, string>> {
    const { items } = await this.#kube.list(LEASES, MADE);
    return new Map(
      items.flatMap(({ metadata, spec }) => {
        const { id } = JSON.parse(metadata.annotations?.["sallyport.dev/entry"] ?? "{}") as { id: string };
        const holder = spec?.holderIdentity ?? "";
        return this.names.some((name) => name === holder) ? [[id, holder] as const] : [];
      }),
    );
  }

  async #say(at: number): Promise<void> {
    const name = this.names[at] ?? "";
    const metadata = { name: `report-${name}`, namespace: NAMESPACE, labels: { [RECORD_LABEL]: REPORT } };
    const renewTime = new Date(this.#nowMs).toISOString().replace("Z", "000Z");
    const place = objectKey(NAMESPACE, metadata.name);
    const there = await this.#kube.get(LEASES, place, call);
    const spec = { holderIdentity: name, renewTime };
    if (there === undefined) await this.#kube.create(LEASES, { metadata, spec }, call);
    else await this.#kube.update(LEASES, { ...there, spec }, call);
  }
}

export function journalCases(world: () => World): void {
  describe("what has to be taken back", () => {
    test("is never two replicas', is lost by no kill, and is the other's when one does not come back", async (t) => {
      let taken = 0;
      const property = fc.asyncProperty(steps, async (all) => {
        const pair = new Pair(world().brokerKube);
        for (const at of [0, 1]) await pair.start(at);
        for (const each of all) {
          await pair.run(each);
          const held = await pair.held();
          assert.deepEqual(new Set(held.keys()), pair.begun, "whatever was begun and not ended is there");
          for (const at of [0, 1])
            for (const id of pair.pending(at))
              assert.equal(held.get(id), pair.names[at], `${id} is another's, and ${at} thinks it has it`);
        }
        // One is gone for good; the other does what is left to do.
        await pair.kill(0);
        await pair.start(1);
        await pair.run({ do: "look", at: 1 });
        const before = pair.pending(1).length;
        await pair.run({ do: "pass", ms: GONE_AFTER_MS });
        await pair.run({ do: "look", at: 1 });
        assert.deepEqual(new Set(pair.pending(1)), pair.begun);
        taken += pair.begun.size - before;
        while (pair.begun.size > 0) await pair.run({ do: "end", at: 1 });
        assert.equal((await pair.held()).size, 0);
      });
      await fc.assert(property, { numRuns: fuzzRuns(6), ...fuzzSeed(), endOnFailure: true });
      t.diagnostic(`figure cluster-broker.taken-over=${taken}`);
    });

    test("of two that want it at once is one's", async () => {
      const pair = new Pair(world().brokerKube);
      await pair.start(0);
      await pair.run({ do: "begin", at: 0 });
      await pair.kill(0);
      const others = [new Pair(world().brokerKube), new Pair(world().brokerKube)];
      for (const other of others) await other.start(1);
      await Promise.all(others.map((other) => other.run({ do: "look", at: 1 })));
      for (const other of others) await other.run({ do: "pass", ms: GONE_AFTER_MS });
      await Promise.all(others.map((other) => other.run({ do: "look", at: 1 })));
      const owners = others.filter((other) => [...pair.begun].every((id) => other.pending(1).includes(id)));
      assert.equal(owners.length, 1);
    });
  });
}
