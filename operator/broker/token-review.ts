/** Whose token it is, as the API server says it: of which pod, under which service account, on which node. */
import type { PodClaim } from "#broker/pods/pods.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { BROKER_AUDIENCE } from "#operator/names.ts";
import type { Call, Kube } from "../kube/client.ts";
import { isRecord } from "../kube/error.ts";
import { TOKEN_REVIEWS } from "../kube/resource.ts";

/** More than any API server makes. */
const TOKEN_BYTES_MAX = 16 * 1024;

const EXTRA = {
  name: "authentication.kubernetes.io/pod-name",
  uid: "authentication.kubernetes.io/pod-uid",
  nodeName: "authentication.kubernetes.io/node-name",
  nodeUid: "authentication.kubernetes.io/node-uid",
  credential: "authentication.kubernetes.io/credential-id",
} as const satisfies Partial<Record<keyof PodClaim, string>>;

const INVALID = refusal("IDENTITY_INVALID", "the token is not one of a pod's gateway");

/** Rejects when the API server cannot be asked. */
export async function reviewToken(
  kube: Pick<Kube, "post">,
  token: Uint8Array,
  call: Call,
): Promise<PodClaim | Refusal> {
  if (token.length === 0 || token.length > TOKEN_BYTES_MAX) return INVALID;
  const spec = { token: Buffer.from(token).toString("latin1"), audiences: [BROKER_AUDIENCE] };
  const review = await kube.post({ resource: TOKEN_REVIEWS }, { spec }, call);
  return claimIn(isRecord(review) ? review["status"] : undefined);
}

/** Pure. What is absent was not said: an authenticator that knows no audiences would accept a token for anybody. */
export function claimIn(status: unknown): PodClaim | Refusal {
  if (!isRecord(status) || status["authenticated"] !== true || !isRecord(status["user"])) return INVALID;
  const { audiences } = status;
  if (!Array.isArray(audiences) || !audiences.includes(BROKER_AUDIENCE)) return INVALID;
  const { username, uid, extra } = status["user"];
  const account = accountIn(username);
  const bound = boundIn(extra);
  if (account === undefined || typeof uid !== "string" || uid === "" || bound === undefined) return INVALID;
  return { ...bound, ...account, serviceAccountUid: uid };
}

function accountIn(username: unknown): Pick<PodClaim, "namespace" | "serviceAccount"> | undefined {
  const [system, kind, namespace, serviceAccount, ...rest] =
    typeof username === "string" ? username.split(":") : [];
  if (system !== "system" || kind !== "serviceaccount" || rest.length > 0) return undefined;
  return namespace && serviceAccount ? { namespace, serviceAccount } : undefined;
}

function boundIn(extra: unknown): Pick<PodClaim, keyof typeof EXTRA> | undefined {
  const one = (fact: keyof typeof EXTRA): string => {
    const values: unknown = isRecord(extra) ? extra[EXTRA[fact]] : undefined;
    const [value, ...others] = Array.isArray(values) ? (values as unknown[]) : [];
    return typeof value === "string" && others.length === 0 ? value : "";
  };
  const bound = {
    name: one("name"),
    uid: one("uid"),
    nodeName: one("nodeName"),
    nodeUid: one("nodeUid"),
    credential: one("credential"),
  };
  return Object.values(bound).includes("") ? undefined : bound;
}
