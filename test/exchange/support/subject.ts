/** A pod's gateway as far as exchanges go: enrolled over the network, at the broker port over mutual TLS, and at the token endpoint. */
import assert from "node:assert/strict";
import type { PodClaim } from "#broker/pods/pods.ts";
import type { LeaseGrant, SessionGrant } from "#core/port/port.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import { ORDERS, granted, newSession } from "#test/broker/support/broker.ts";
import { enrolmentOf, podFiles, podUplink } from "#test/port/tls.ts";
import type { Carrier, Subject } from "./denials.ts";
import { type Answer, type Rig, type Shown, ask } from "./rig.ts";

export const never = new AbortController().signal;

export interface Enrolled extends Subject {
  readonly claim: PodClaim;
  readonly shown: Shown;
  /** Another token of the pod, as after the kubelet has renewed it. */
  token(): Promise<Buffer>;
  post(fields: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface PodTokens {
  readonly claim: PodClaim;
  token(): Promise<Buffer>;
}

export async function enrolled(rig: Rig, { claim, token }: PodTokens): Promise<Enrolled> {
  await using stack = new AsyncDisposableStack();
  // Had while all was well: whatever happens to the pod, this is what somebody could still show.
  const own = await token();
  const files = stack.use(await podFiles(own.toString("latin1"), rig.authority.bundlePem));
  const uplink = stack.use(podUplink(files, rig));
  await uplink.connected(never);
  const shown = await enrolmentOf(files, rig.enrolPort).credential(["127.0.0.1"], never);

  /** Which pod the data plane is told that it is, for the record. */
  async function calling(): Promise<object | undefined> {
    const evidence = { kind: "ambient" } as const;
    const grant = await uplink.identify({ session: newSession(), listener: "pod", evidence }, never);
    const { credential: _credential, ...pod } = granted<SessionGrant>(grant).caller.pod ?? { credential: "" };
    return pod;
  }
  async function identified(): Promise<string | Refusal> {
    const session = newSession();
    const evidence = { kind: "ambient" } as const;
    const grant = await uplink.identify({ session, listener: "pod", evidence }, never);
    return isRefusal(grant) ? grant : session;
  }
  assert.deepEqual(await calling(), claimed(claim));
  const connection = ORDERS;
  const held = granted<LeaseGrant>(
    await uplink.exchange({ session: await sure(identified()), connection }, never),
  );
  // Found out who they are before whatever happens, so that the exchange itself has to notice.
  const ready = [await sure(identified()), await sure(identified())];
  const post = (fields: Readonly<Record<string, string>>): Promise<Answer> =>
    ask(rig, "/oauth2/token", shown, { body: new URLSearchParams(fields).toString() });
  const asks: Record<Carrier, (shownToken?: Buffer) => Promise<string>> = {
    async exchange() {
      const session = ready.shift() ?? (await identified());
      if (typeof session !== "string") return session.code;
      return wordOf(await uplink.exchange({ session, connection }, never));
    },
    renew: async () => wordOf(await uplink.renew(held.lease, never)),
    async token(shownToken) {
      const { status, text } = await post(tokenForm(shownToken ?? own));
      const answer = JSON.parse(text) as { code?: string; error?: string };
      return status === 200 ? "granted" : (answer.code ?? answer.error ?? "");
    },
  };
  const open = stack.move();
  return {
    claim,
    shown,
    token,
    post,
    ask: asks,
    async isLeased() {
      // It is not answered either way: without TLS no password goes out in clear text.
      const answer = await uplink.prove(held.lease, { kind: "cleartext" }, never);
      return isRefusal(answer) && answer.code !== "LEASE_ENDED";
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** All but the credential: the gateway was enrolled with a token of its own. */
function claimed({ namespace, name, uid }: PodClaim): object {
  return { namespace, name, uid };
}

export function tokenForm(
  token: Uint8Array,
  resource = `gate://${ORDERS.namespace}/${ORDERS.name}`,
): Record<string, string> {
  return {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: Buffer.from(token).toString("latin1"),
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    resource,
  };
}

async function sure(answer: Promise<string | Refusal>): Promise<string> {
  const given = await answer;
  if (typeof given !== "string") throw new Error(`${given.code}: ${given.publicText}`);
  return given;
}

function wordOf(answer: object): string {
  return isRefusal(answer) ? answer.code : "granted";
}
