/** What `POST /oauth2/token` takes: RFC 8693 with the token of a pod, for one Connection, and nothing else. */
import type { ConnectionRef } from "#core/policy/facts.ts";
import { type Form, readForm } from "./form.ts";

export interface TokenRequest {
  /** Of the pod; the receiver wipes it. */
  readonly subjectToken: Buffer;
  readonly connection: ConnectionRef;
}

/** RFC 6749, section 5.2, and RFC 8693, section 2.2.2; `temporarily_unavailable` is RFC 6749's too (4.1.2.1). */
export interface TokenError {
  readonly status: 400 | 401 | 429 | 503;
  readonly error:
    | "invalid_request"
    | "invalid_client"
    | "invalid_target"
    | "invalid_scope"
    | "unsupported_grant_type"
    | "temporarily_unavailable";
  readonly description: string;
}

export const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange";
export const JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt";
export const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";

/**
 * Parameters of these standards that say who asks or what for, and that are not taken: to pass them over would give a token
 * that means something else than its receiver asked for.
 */
const NOT_TAKEN: Readonly<Record<string, TokenError>> = {
  actor_token: invalid("actor_token is not taken: who acts is what the pod's own token says"),
  actor_token_type: invalid("actor_token_type is not taken, as there is no actor_token"),
  audience: { ...invalid("audience is not taken: name the Connection by resource"), error: "invalid_target" },
  scope: { ...invalid("scope is not taken: policy says what is allowed"), error: "invalid_scope" },
  authorization_details: invalid("authorization_details are the broker's to say"),
  client_id: client("client_id is not taken: the certificate says who asks"),
  client_secret: client("client_secret is not taken: the certificate says who asks"),
  client_assertion: client("client_assertion is not taken: the certificate says who asks"),
  client_assertion_type: client("client_assertion_type is not taken: the certificate says who asks"),
};

const JWT_BYTES = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
/** Names as Kubernetes has them: of namespaces (RFC 1123 labels) and of objects (with dots). */
const RESOURCE =
  /^gate:\/\/([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/([a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?)$/;

export function readTokenRequest(body: Buffer): TokenRequest | TokenError {
  const form = readForm(body);
  if (typeof form === "string") return invalid(form);
  const answer = requestIn(form);
  if ("error" in answer) for (const value of form.values()) value.fill(0);
  return answer;
}

export function resourceOf({ namespace, name }: ConnectionRef): string {
  return `gate://${namespace}/${name}`;
}

function requestIn(form: Form): TokenRequest | TokenError {
  const grantType = wordIn(form, "grant_type");
  if (grantType === undefined) return invalid("grant_type is missing");
  if (grantType !== GRANT_TYPE)
    return { ...invalid(`the only grant_type is ${GRANT_TYPE}`), error: "unsupported_grant_type" };
  for (const [name, problem] of Object.entries(NOT_TAKEN)) if (form.has(name)) return problem;
  const asked = wordIn(form, "requested_token_type");
  if (asked !== undefined && asked !== ACCESS_TOKEN_TYPE && asked !== JWT_TYPE)
    return invalid(`the only requested_token_type is ${ACCESS_TOKEN_TYPE}`);
  if (wordIn(form, "subject_token_type") !== JWT_TYPE)
    return invalid(`subject_token_type has to be ${JWT_TYPE}`);
  const subjectToken = form.get("subject_token");
  if (subjectToken === undefined) return invalid("subject_token is missing");
  if (!subjectToken.every((byte) => JWT_BYTES.includes(byte))) return invalid("subject_token is no JWT");
  const [, namespace, name] = RESOURCE.exec(wordIn(form, "resource") ?? "") ?? [];
  if (namespace === undefined || name === undefined)
    return { ...invalid("resource has to be gate://NAMESPACE/CONNECTION"), error: "invalid_target" };
  return { subjectToken, connection: { namespace, name } };
}

function wordIn(form: Form, name: string): string | undefined {
  return form.get(name)?.toString("utf8");
}

function invalid(description: string): TokenError {
  return { status: 400, error: "invalid_request", description };
}

function client(description: string): TokenError {
  return { status: 401, error: "invalid_client", description };
}
