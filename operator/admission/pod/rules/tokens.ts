/** Proofs of identity in the agent's own hands. */
import { AUDIENCE_PREFIX, GROUP } from "../../../names.ts";
import type { PodView } from "../view.ts";
import type { Found, PodRule } from "./rule.ts";

export const reservedAudience: PodRule = {
  title: "a volume asks for a token or certificate that is the gateway's",
  why: "Such a token is how the broker knows a gateway. There is one in a pod, and only the gateway mounts it.",
  fix: `Remove the source; audiences and signers that start with ${AUDIENCE_PREFIX} are reserved.`,
  remedy: "refused",
  find: (view) =>
    projections(view, ({ serviceAccountToken, podCertificate, clusterTrustBundle }) => [
      ...(isOurs(serviceAccountToken?.audience) ? ["serviceAccountToken.audience"] : []),
      ...(isOurs(podCertificate?.signerName) ? ["podCertificate.signerName"] : []),
      ...(isOurs(clusterTrustBundle?.signerName) ? ["clusterTrustBundle.signerName"] : []),
    ]).map((field) => ({ field, message: "is reserved for the gateway" })),
  wrong:
    "spec: { volumes: [{ name: mine, projected: { sources: " +
    "[{ serviceAccountToken: { audience: sallyport.dev/broker, path: token } }] } }] }",
  right:
    "spec: { volumes: [{ name: mine, projected: { sources: " +
    "[{ serviceAccountToken: { audience: vault.example, path: token } }] } }] }",
};

/** However it is written: an audience is compared byte by byte by whoever verifies, and we rather refuse too much. */
function isOurs(name: string | undefined): boolean {
  const plain = name?.trim().toLowerCase() ?? "";
  return plain.startsWith(AUDIENCE_PREFIX) || plain === GROUP;
}

export const apiCredential: PodRule = {
  title: "a volume asks for a credential of the Kubernetes API",
  why:
    "An agent holds no credential. With one for the API it could make tokens and pods past the gateway, from anywhere that the API " +
    "can be reached.",
  fix: "Remove the source. What the agent may do with the API is a matter of a Connection.",
  remedy: "refused",
  find: (view) =>
    projections(view, ({ serviceAccountToken, podCertificate }) => [
      ...(serviceAccountToken !== undefined && isApiAudience(serviceAccountToken.audience, view.apiAudiences)
        ? ["serviceAccountToken"]
        : []),
      ...(podCertificate?.signerName.startsWith("kubernetes.io/") === true
        ? ["podCertificate.signerName"]
        : []),
    ]).map((field) => ({ field, message: "is accepted by the Kubernetes API" })),
  wrong:
    "spec: { volumes: [{ name: api, projected: { sources: [{ serviceAccountToken: { path: token } }] } }] }",
  right:
    "spec: { volumes: [{ name: aws, projected: { sources: " +
    "[{ serviceAccountToken: { audience: sts.amazonaws.com, path: token } }] } }] }",
};

/** Without an audience it is the API server's own. What a cluster calls that one may be known; these are the names that are usual. */
const isApiAudience = (audience = "", known: readonly string[]): boolean =>
  audience === "" || known.includes(audience) || USUAL.test(audience);

const USUAL = /^(?:https?:\/\/)?kubernetes(?:\.default(?:\.svc(?:\..*)?)?)?\/?$/i;

export const automount: PodRule = {
  title: "the pod lets a token of the Kubernetes API be mounted",
  why: "The API server mounts it into every container that lacks it, the gateway included, unless the pod itself says no.",
  fix: "Write automountServiceAccountToken: false.",
  remedy: "forced",
  find: ({ spec }) =>
    spec.automountServiceAccountToken === false
      ? []
      : [{ field: "spec.automountServiceAccountToken", message: "is not false" }],
  wrong: "spec: { automountServiceAccountToken: true }",
  right: "spec: { automountServiceAccountToken: false }",
};

type Projection = NonNullable<
  NonNullable<NonNullable<PodView["volumes"][number]["volume"]["projected"]>["sources"]>[number]
>;

function projections(
  { volumes }: PodView,
  fieldsOf: (source: Projection) => readonly string[],
): readonly string[] {
  return volumes.flatMap(({ field, volume }) =>
    (volume.projected?.sources ?? []).flatMap((source, index) =>
      fieldsOf(source).map((name) => `${field}.projected.sources[${index}].${name}`),
    ),
  );
}

export const writesOurKinds: PodRule = {
  title: "the pod's service account may write Sallyport's kinds",
  why: "What an agent may do would be for the agent to say.",
  fix: `Run the pod as a service account without create, update or patch on ${GROUP} resources.`,
  remedy: "refused",
  find: ({ facts, spec }): readonly Found[] =>
    facts.mayWriteOurKinds
      ? [
          {
            field: "spec.serviceAccountName",
            message: `${spec.serviceAccountName ?? "default"} may write Connections or policies, and so grant itself what it wants`,
          },
        ]
      : [],
  wrong: "facts: { mayWriteOurKinds: true }",
  right: "facts: { mayWriteOurKinds: false }",
};
