/**
 * Answers to upstreams that ask for less than SCRAM, where the Connection lists what they ask for. They prove nothing of
 * themselves then: what is known of them is what TLS has shown.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { PostgresConnection } from "#core/api/kinds.gen.ts";
import type { Challenge } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { message } from "#core/wire/postgres/fields.ts";
import { MD5_SALT_BYTES } from "#core/wire/postgres/md5.ts";
import { AUTHENTICATION, type AuthenticationRequest } from "#core/wire/postgres/messages.ts";
import type { UpstreamTarget } from "../protocol.ts";
import { PeerBroke, write } from "../peer.ts";

type Weak = NonNullable<PostgresConnection["weakAuthentication"]>[number];

/** Undefined when the answer was sent. */
export async function answerWeakly(
  socket: Socket,
  request: AuthenticationRequest,
  target: UpstreamTarget,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const challenge = challengeOf(request, target);
  if (challenge === undefined || !isListed(challenge.kind, target)) return givenAway();
  if (challenge.kind === "cleartext" && !(socket instanceof TLSSocket && socket.encrypted))
    return refusal("UPSTREAM_UNTRUSTED", "a password goes out in clear text only inside TLS");
  const proof = await target.prove(challenge, signal);
  if (isRefusal(proof)) return proof;
  if (proof.kind !== challenge.kind) throw new TypeError("the broker has answered another challenge");
  const secret = proof.kind === "md5" ? proof.response : proof.password;
  const answer = message("p", secret, Buffer.of(0));
  secret.fill(0);
  try {
    await write(socket, answer);
  } finally {
    answer.fill(0);
  }
  return undefined;
}

function challengeOf(
  { kind, data }: AuthenticationRequest,
  { lease }: UpstreamTarget,
): Extract<Challenge, { kind: Weak }> | undefined {
  if (kind === AUTHENTICATION.cleartext) return { kind: "cleartext" };
  if (kind !== AUTHENTICATION.md5) return undefined;
  if (data.length !== MD5_SALT_BYTES) throw new PeerBroke("the salt has another length");
  return { kind: "md5", user: lease.user, salt: data };
}

function isListed(kind: Weak, { connection }: UpstreamTarget): boolean {
  return connection.spec.postgres?.weakAuthentication?.includes(kind) === true;
}

function givenAway(): Refusal {
  return refusal(
    "UPSTREAM_UNTRUSTED",
    "the upstream asks for a password in a form that would give it away; it must use scram-sha-256",
  );
}
