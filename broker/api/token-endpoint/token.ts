/** The token that says what a pod may reach (RFC 9068): everything in it is the broker's own word. */
import { randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import type { Ancestor, Caller, CallingPod, ConnectionRef, Identity } from "#core/policy/facts.ts";
import { podUri } from "#core/port/enrol.ts";
import type { Exchanged } from "../../exchange/exchange.ts";
import { subjectOf } from "../../identity/subject.ts";
import { resourceOf } from "./request.ts";
import type { SigningKey } from "./signing-keys.ts";

export interface Grant {
  /** `jti`. */
  readonly id: string;
  readonly connection: ConnectionRef;
  readonly caller: Caller & { readonly pod: CallingPod };
  readonly protocol: string;
  readonly by: string | undefined;
  /** SHA-256 of the client's certificate, base64url (RFC 8705, section 3.1). */
  readonly certificate: string;
  readonly issuedMs: number;
  readonly untilMs: number;
}

export const GRANT_MS_MAX = 5 * 60_000;

export function grantOf(
  { standing, upstream, permission }: Exchanged,
  pod: CallingPod,
  certificate: string,
  nowMs: number,
): Grant {
  return {
    id: randomBytes(16).toString("base64url"),
    connection: upstream.ref,
    caller: { ...standing.caller, pod },
    protocol: upstream.spec.protocol,
    by: permission.by,
    certificate,
    issuedMs: nowMs,
    untilMs: Math.min(nowMs + GRANT_MS_MAX, standing.untilMs, permission.untilMs),
  };
}

export function sign(grant: Grant, issuer: string, { kid, privateKey }: SigningKey): Promise<string> {
  const { id, connection, caller, protocol, by, certificate } = grant;
  const resource = resourceOf(connection);
  const details = { type: "sallyport.dev/connection", locations: [resource], protocol };
  const claims = {
    client_id: podUri(caller.pod.uid),
    act: actorOf(caller),
    authorization_details: [by === undefined ? details : { ...details, rule: by }],
    cnf: { "x5t#S256": certificate },
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid })
    .setIssuer(issuer)
    .setAudience(resource)
    .setSubject(nameOf(caller.identity))
    .setJti(id)
    .setIssuedAt(seconds(grant.issuedMs))
    .setExpirationTime(seconds(grant.untilMs))
    .sign(privateKey);
}

/** In seconds, as the token will say it. */
export function lifetimeOf({ issuedMs, untilMs }: Grant): number {
  return seconds(untilMs) - seconds(issuedMs);
}

/** Down, so that no second is added to what was granted. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

interface Actor {
  readonly sub: string;
  readonly act?: Actor;
  readonly [claim: string]: unknown;
}

/**
 * The pod acts; whoever is above it acted before (RFC 8693, section 4.1), nearest first, for the record: what they hand on has been
 * weighed already, and the token's authority is what `authorization_details` says.
 */
function actorOf({ pod, ancestors }: Grant["caller"]): Actor {
  const { namespace, name, uid, credential } = pod;
  const above = ancestors
    .toReversed()
    .reduce<Actor | undefined>(
      (before, ancestor) => ({ ...actorAbove(ancestor), ...(before === undefined ? {} : { act: before }) }),
      undefined,
    );
  return {
    sub: podUri(uid),
    "kubernetes.io": { namespace, pod: { name, uid }, credential },
    ...(above === undefined ? {} : { act: above }),
  };
}

function actorAbove({ kind, identity }: Ancestor): Actor {
  const { pod } = identity;
  if (kind !== "agent" || pod === undefined) return { sub: nameOf(identity) };
  const { namespace, name, uid } = pod;
  return { sub: podUri(uid), "kubernetes.io": { namespace, pod: { name, uid } } };
}

function nameOf(identity: Identity): string {
  const { serviceAccount, user } = identity;
  if (serviceAccount !== undefined)
    return `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`;
  return user?.name ?? subjectOf(identity);
}
