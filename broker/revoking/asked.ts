/** What people who run a host's broker ask of revocations: who is out, to put somebody out, and to let them in again. */
import type { Caller } from "#core/policy/facts.ts";
import { BECAUSE_CHARS_MAX, type Revocation } from "#core/policy/revocation.ts";
import type { SessionId } from "#core/port/port.ts";
import { PortViolation, type Shape, dictionary, optional, record, text, whole } from "#core/port/shapes.ts";
import type { HostRevocations } from "./files.ts";

/** A token that every claim is true of; without claims every token of that provider. */
export interface TokenSubject {
  readonly provider: string;
  readonly claims: Readonly<Record<string, string>>;
}
/** Either a token, or the session of one. */
export interface RevokeRequest {
  readonly token?: TokenSubject;
  readonly session?: string;
  readonly because: string;
  readonly untilMs: number;
  /** What the person goes by; as whom they are here is the kernel's word. */
  readonly name: string;
}
export interface LiftRequest {
  readonly guardrail: string;
  readonly name: string;
}
export interface Revoked {
  readonly revocation: Revocation;
}
export interface RevocationList {
  readonly revocations: readonly Revocation[];
}
/** Empty when there was no such revocation. */
export interface Lifted {
  readonly lifted?: Revocation;
}

export interface Revoking {
  readonly revocations: HostRevocations;
  /** Of the files that are in force. */
  readonly providers: () => readonly string[];
  readonly callerOf: (session: SessionId) => Caller | undefined;
  /** Resolves when what is written is in force here. */
  readonly inForce: () => Promise<void>;
  /** So that the record of its end says who it was. */
  readonly lifting: (guardrail: string, by: string) => void;
}

const NAME_CHARS_MAX = 64;
const CLAIM_CHARS_MAX = 512;
const CLAIMS_MAX = 16;
const name = text(NAME_CHARS_MAX, /^[^\p{C}\p{Z}]+$/u);

const token = record<TokenSubject>({
  provider: text(253),
  claims: dictionary(text(CLAIM_CHARS_MAX), CLAIMS_MAX, CLAIM_CHARS_MAX),
});
export const revokeRequest: Shape<RevokeRequest> = record<RevokeRequest>({
  token: optional(token),
  session: optional(text(128)),
  because: text(BECAUSE_CHARS_MAX, /\S/),
  untilMs: whole(0),
  name,
});
export const liftRequest: Shape<LiftRequest> = record<LiftRequest>({ guardrail: text(253), name });

/** In words: what is wrong with the request. */
export function readAsked<Value extends object>(shape: Shape<Value>, body: unknown): Value | string {
  try {
    return shape.read(body, NO_PARTS, "the request");
  } catch (error) {
    if (error instanceof PortViolation) return error.message;
    throw error;
  }
}

const NO_PARTS = {
  next(place: string): never {
    throw new PortViolation(place, "no bytes");
  },
};

export async function revoke(
  request: RevokeRequest,
  uid: number,
  { revocations, providers, callerOf, inForce }: Revoking,
): Promise<Revoked | string> {
  const { because, untilMs } = request;
  const subject = subjectOf(request, callerOf);
  if (typeof subject === "string") return subject;
  const known = providers();
  if (!known.includes(subject.provider))
    return `there is no IdentityProvider ${subject.provider}, so nobody has a token of it; there ${known.length === 0 ? "is none" : `are: ${known.join(", ")}`}`;
  const claims = Object.entries(subject.claims);
  const revocation = await revocations.add({
    agent: {
      oidc: { provider: subject.provider, ...(claims.length === 0 ? {} : { claims: subject.claims }) },
    },
    whom: whomOf(subject),
    about: subject.claims["sub"] ?? claims[0]?.[1] ?? subject.provider,
    by: byOf(request.name, uid),
    because,
    untilMs,
  });
  if (typeof revocation === "string") return revocation;
  await inForce();
  return { revocation };
}

export async function lift(
  { guardrail, name: person }: LiftRequest,
  uid: number,
  { revocations, inForce, lifting }: Revoking,
): Promise<Lifted> {
  lifting(guardrail, byOf(person, uid));
  const lifted = await revocations.remove(guardrail);
  if (lifted === undefined) return {};
  await inForce();
  return { lifted };
}

const byOf = (person: string, uid: number): string => `${person} (uid ${uid})`;

/** A token that says `sub` is known by that; whoever has it is, whatever else it says this time. */
function subjectOf(
  { token: given, session }: RevokeRequest,
  callerOf: Revoking["callerOf"],
): TokenSubject | string {
  if ((given === undefined) === (session === undefined)) return "say a token or a session, and not both";
  if (given !== undefined) return given;
  const oidc = callerOf(session ?? "")?.identity.oidc;
  if (oidc === undefined) return `there is no session ${session}; \`sallyport sessions\` lists them`;
  const { sub } = oidc.claims;
  if (typeof sub !== "string") return "the token of that session has no sub; revoke it by other claims";
  return { provider: oidc.provider, claims: { sub } };
}

function whomOf({ provider, claims }: TokenSubject): string {
  const said = Object.entries(claims).map(([claim, value]) => `${claim}=${value}`);
  const which = said.length === 0 ? "" : ` with ${said.join(", ")}`;
  return `${said.length === 0 ? "every token" : "tokens"} of ${provider}${which}`.slice(0, WHOM_CHARS_MAX);
}
const WHOM_CHARS_MAX = 1_024;
