/** Tokens for the API server, each bound to the pod that it is for: the API server refuses it as soon as that pod is gone. */
import type { ApiToken, NoSecret, TokenWanted } from "#broker/pods/pods.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { TOKEN_SECONDS } from "#operator/names.ts";
import type { Call, Kube } from "../kube/client.ts";
import { KubeError, isRecord } from "../kube/error.ts";
import { SERVICE_ACCOUNTS, objectKey } from "../kube/resource.ts";

const KIND = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" };
const TOKEN_BYTES_MAX = 4096;

export async function requestApiToken(
  kube: Pick<Kube, "post">,
  { pod: { namespace, name, uid }, serviceAccount }: TokenWanted,
  call: Call,
): Promise<ApiToken | NoSecret> {
  const key = objectKey(namespace, serviceAccount);
  const place = { resource: SERVICE_ACCOUNTS, key, subresource: "token" };
  const boundObjectRef = { kind: "Pod", apiVersion: "v1", name, uid };
  // Without an audience it is the API server's own.
  const spec = { audiences: [], expirationSeconds: TOKEN_SECONDS, boundObjectRef };
  const what = `a token of the service account ${key} for the pod ${name}`;
  try {
    return (
      tokenIn(await kube.post(place, { ...KIND, spec }, call)) ?? {
        reason: "unusable",
        why: `the API server gave ${what} that cannot be used`,
      }
    );
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return withoutToken(what, namespace, error);
  }
}

function tokenIn(answer: unknown): ApiToken | undefined {
  const status = isRecord(answer) ? answer["status"] : undefined;
  if (!isRecord(status)) return undefined;
  const { token, expirationTimestamp } = status;
  const expiresMs = typeof expirationTimestamp === "string" ? Date.parse(expirationTimestamp) : Number.NaN;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token) || Number.isNaN(expiresMs)) return undefined;
  return token.length > TOKEN_BYTES_MAX
    ? undefined
    : { token: new SecretBytes(Buffer.from(token, "latin1")), expiresMs };
}

function withoutToken(what: string, namespace: string, error: KubeError): NoSecret {
  if (error.status === 403) {
    const why = `the broker may not ask for ${what}; it may in namespaces that bear the label sallyport.dev/enforce, so label ${namespace}`;
    return { reason: "not-permitted", why };
  }
  // Another pod of that name, or another account than the pod's.
  if (error.status === 404 || error.status === 409)
    return { reason: "missing", why: `there is no such pod, or no such account, for ${what}` };
  return { reason: "unavailable", why: `${what} cannot be had now: ${error.message}` };
}
