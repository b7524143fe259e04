/** A broker with everything real but its clock: trail, journal, issuer, upstream. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, after } from "node:test";
import { type Broker, createBroker } from "#broker/broker.ts";
import type { BrokerConfig, ListenerIdentity } from "#broker/config.ts";
import type { DataPlanePort } from "#broker/data-plane-port.ts";
import { brokerIdentifier } from "#broker/identifier.ts";
import type { BrokerMeters } from "#broker/meters.ts";
import type { NoteFields, NoteName } from "#broker/note.ts";
import { openTrail } from "#broker/trail/file-trail.ts";
import { directoryKeyring } from "#broker/trail/keyring.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { Trail } from "#broker/trail/trail.ts";
import type { Connection, IdentityProvider, SecretAccessPolicy } from "#core/api/kinds.gen.ts";
import type { PolicySource } from "#core/api/loaded.ts";
import type { LeaseGrant, Proof, Push, SessionGrant } from "#core/port/port.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import { type Issuer, startIssuer } from "#tools/oidc/issuer.ts";
import { AUDIENCE, type Clock, claimsOf, clock } from "./identity.ts";
import { signed } from "./tokens.ts";
import { forEver, upstreamOf } from "./upstream.ts";

export interface Rig extends AsyncDisposable {
  readonly broker: Broker;
  readonly trail: Trail;
  readonly issuer: Issuer;
  readonly time: Clock;
  readonly folder: string;
  readonly notes: (readonly [NoteName, NoteFields])[];
  token(subject: string): Buffer;
  configure(parts: ConfigParts): BrokerConfig;
}

export interface ConfigParts {
  readonly connections: readonly Connection[];
  readonly policies: readonly PolicySource[];
  readonly listeners?: Readonly<Record<string, ListenerIdentity>>;
  readonly authorities?: ReadonlyMap<string, string>;
}

export interface RigOptions {
  readonly folder?: string;
  readonly time?: Clock;
  readonly lingerMs?: number;
  readonly meters?: BrokerMeters;
}

/** One for a whole file of tests: making its key is most of what a rig costs. */
const shared = startIssuer();
after(async () => (await shared).stop());

export async function startRig(context: TestContext, options: RigOptions = {}): Promise<Rig> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "sallyport-rig-")));
  const time = options.time ?? clock();
  const notes: (readonly [NoteName, NoteFields])[] = [];
  const note = (name: NoteName, fields: NoteFields) => void notes.push([name, fields]);
  const issuer = await shared;
  const name = await brokerIdentifier(join(folder, "state"), realDisk);
  const places = {
    directory: join(folder, "trail"),
    keyring: directoryKeyring(realDisk, join(folder, "keys")),
  };
  const trail = await openTrail({ ...places, disk: realDisk, broker: name, nowMs: time.now, note });
  const broker = await createBroker({
    broker: name,
    directory: join(folder, "state"),
    disk: realDisk,
    trail,
    variables: {},
    now: time.now,
    note,
    lingerMs: options.lingerMs ?? 0,
    ...(options.meters === undefined ? {} : { meters: options.meters }),
    tickMs: Number.POSITIVE_INFINITY,
  });
  const stop = async (): Promise<void> => {
    await broker[Symbol.asyncDispose]();
    await trail[Symbol.asyncDispose]();
    if (options.folder === undefined) await rm(folder, { recursive: true });
  };
  let isStopped = false;
  const once = async (): Promise<void> => {
    if (!isStopped) {
      isStopped = true;
      await stop();
    }
  };
  context.after(once);
  return {
    broker,
    trail,
    issuer,
    time,
    folder,
    notes,
    token(subject) {
      const [key] = issuer.keys;
      assert.ok(key);
      return signed(
        { alg: "RS256", kid: key.kid, typ: "JWT" },
        claimsOf(issuer, time, { sub: subject }),
        key,
      );
    },
    configure: ({ connections, policies, listeners, authorities }) => ({
      loaded: {
        connections,
        policies,
        identityProviders: [providerKind(issuer)],
        workloadControllers: [],
        tests: [],
        gateways: [],
        diagnostics: [],
      },
      listeners: listeners ?? { main: { kind: "perClient", providers: ["test"] } },
      authorities: authorities ?? new Map(),
    }),
    [Symbol.asyncDispose]: once,
  };
}

function providerKind(issuer: Issuer): IdentityProvider {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "IdentityProvider",
    metadata: { name: "test" },
    spec: { issuer: issuer.issuer, audiences: [AUDIENCE] },
  };
}

export function connectionKind(spec: Connection["spec"], name = "orders"): Connection {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Connection",
    metadata: { name, namespace: "shop" },
    spec,
  };
}

export function allowing(subject: string, more: Partial<SecretAccessPolicy["spec"]> = {}): PolicySource {
  const policy: SecretAccessPolicy = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata: { name: `allow-${subject}`, namespace: "shop" },
    spec: {
      subjects: [{ oidc: { provider: "test", claims: { sub: subject } } }],
      connections: { names: ["orders"] },
      allow: [{ name: "read", postgres: { preset: "readOnly", tables: ["public.*"] } }],
      ...more,
    },
  };
  return { state: "good", origin: `/policies/${subject}.yaml`, policy };
}

export interface DataPlane {
  readonly port: DataPlanePort;
  readonly pushes: Push[];
}

export async function attach(broker: Broker, worker = "worker-1", run = `${worker}/1`): Promise<DataPlane> {
  const port = broker.attach();
  const pushes: Push[] = [];
  granted(await port.hello({ versions: [1], worker, run }, forEver));
  port.subscribe((push) => pushes.push(push), forEver);
  return { port, pushes };
}

export const newSession = (): string => randomBytes(16).toString("base64url");

export async function identified(
  port: DataPlanePort,
  token: Uint8Array,
  session = newSession(),
): Promise<string> {
  const grant = await port.identify(
    { session, listener: "main", evidence: { kind: "token", token } },
    forEver,
  );
  granted<SessionGrant>(grant);
  return session;
}

export const ORDERS = { namespace: "shop", name: "orders" };

export function exchange(port: DataPlanePort, session: string): Promise<LeaseGrant | Refusal> {
  return port.exchange({ session, connection: ORDERS }, forEver);
}

export async function exchanged(
  port: DataPlanePort,
  token: Uint8Array,
): Promise<LeaseGrant & { session: string }> {
  const session = await identified(port, token);
  return { session, ...granted(await exchange(port, session)) };
}

export function granted<Answer extends object>(answer: Answer | Refusal): Answer {
  if (isRefusal(answer)) assert.fail(`${answer.code}: ${answer.publicText}`);
  return answer;
}

export function refusedWith(answer: object | string, code: string): Refusal {
  assert.ok(typeof answer === "object" && isRefusal(answer), "it was granted");
  assert.equal(answer.code, code, answer.publicText);
  return answer;
}

/** Narrows a proof to the usual kind. */
export function scramOf(answer: Proof | Refusal): Extract<Proof, { kind: "scram-sha-256" }> {
  const proof = granted<Proof>(answer);
  if (proof.kind !== "scram-sha-256") assert.fail(`it was answered as ${proof.kind}`);
  return proof;
}

export const PASSWORD = "canary-reader-77aa10";

/** A Connection whose password is in a file; nothing of it is dialled by the broker. */
export async function staticRig(
  context: TestContext,
  { port = 5432, ...options }: RigOptions & { readonly port?: number } = {},
): Promise<Rig & { readonly spec: ReturnType<typeof upstreamOf>["spec"] }> {
  const rig = await startRig(context, options);
  const path = join(rig.folder, "password");
  writeFileSync(path, PASSWORD, { mode: 0o600 });
  const { spec } = upstreamOf(port, { file: { path } });
  rig.broker.update(rig.configure({ connections: [connectionKind(spec)], policies: [allowing("agent")] }));
  return { ...rig, spec };
}
