/** Revocations and brokers that are killed without a word: nothing of them is in a memory that could be lost. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { isRefusal } from "#core/values/refusal.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { type PodFiles, podUplink } from "#test/port/tls.ts";
import { give, plugin } from "../support/people.ts";
import { type ReplicaProcess, startReplicaProcess } from "../support/processes.ts";
import { filesFor, localAgent, write } from "../support/replicas.ts";
import { type World, forever } from "../support/world.ts";

const CONNECTION = "shop";
const WHO = "night-watch";

export function killedCases(world: () => World): void {
  describe("replicas that are killed", () => {
    before(async () => {
      await give(world(), "sallyport-revoke", [WHO]);
      await give(world(), "lister", [WHO]);
    });
    test("come back and refuse who was revoked right before, and meanwhile, and the sessions that these had", async () => {
      await using stack = new AsyncDisposableStack();
      const namespace = await world().enforced();
      await write(world(), namespace, CONNECTION, "default");
      const node = await world().node();
      const states = await Promise.all([0, 1].map(() => mkdtemp(join(tmpdir(), "sallyport-killed-"))));
      for (const state of states) stack.defer(() => rm(state, { recursive: true, force: true }));
      const start = async (): Promise<readonly ReplicaProcess[]> => {
        const started = await Promise.all(states.map((state) => startReplicaProcess(world(), state)));
        for (const replica of started) stack.use(replica);
        return started;
      };
      const serve = async (replica: ReplicaProcess | undefined): Promise<Served> => {
        const agent = await localAgent(world(), namespace, node);
        const files = stack.use(await filesFor(world(), agent));
        return { name: agent.name, files, session: await served(files, replica, namespace) };
      };
      const revoke = async ({ name }: Served): Promise<void> => {
        const kubeconfig = await world().guarded.api.kubeconfigOf({ user: WHO });
        const words = ["revoke", "pod", name, "--for", "1h", "--reason", "incident 4711"];
        const ran = await plugin([...words, "-n", namespace, "--kubeconfig", kubeconfig]);
        assert.equal(ran.code, 0, ran.err);
      };
      const first = await start();
      const [before, meanwhile, never] = [
        await serve(first[0]),
        await serve(first[1]),
        await serve(first[0]),
      ];
      await revoke(before);
      await Promise.all(first.map((replica) => replica.kill()));
      await revoke(meanwhile);
      for (const replica of await start()) {
        for (const { files, session } of [before, meanwhile]) {
          assert.equal(await asked(files, replica, namespace), "DENY_RULE");
          assert.notEqual(await asked(files, replica, namespace, session), undefined);
        }
        assert.equal(await asked(never.files, replica, namespace), undefined);
      }
    });
  });
}

interface Served {
  readonly name: string;
  readonly files: PodFiles;
  readonly session: string;
}

/** The session, once there is a credential for it. */
async function served(
  files: PodFiles,
  replica: ReplicaProcess | undefined,
  namespace: string,
): Promise<string> {
  assert.ok(replica);
  let last: string | undefined;
  return eventually(
    async () => {
      const session = sessionId();
      last = await asked(files, replica, namespace, session);
      return last === undefined ? session : undefined;
    },
    () => `a session is answered with ${last}`,
  );
}

/** Undefined: with a credential. */
async function asked(
  files: PodFiles,
  replica: ReplicaProcess,
  namespace: string,
  session = sessionId(),
): Promise<string | undefined> {
  await using uplink = podUplink(files, replica);
  await uplink.connected(AbortSignal.timeout(30_000));
  const known = await uplink.identify({ session, listener: "pod", evidence: { kind: "ambient" } }, forever);
  if (isRefusal(known)) return known.code;
  const granted = await uplink.exchange({ session, connection: { namespace, name: CONNECTION } }, forever);
  return isRefusal(granted) ? granted.code : undefined;
}

let sessions = 0;
function sessionId(): string {
  sessions += 1;
  return Buffer.alloc(16, `killed-${sessions}`).toString("base64url");
}
