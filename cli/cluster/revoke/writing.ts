/** A revocation is a guardrail of the cluster, written by the person's own right and under their own name. */
import { type RevocationOrder, revocationGuardrail, revocationIn } from "#core/policy/revocation.ts";
import type { Kube } from "#operator/kube/client.ts";
import { KubeError, isRecord } from "#operator/kube/error.ts";
import { GUARDRAILS, SELF_SUBJECT_REVIEWS } from "#operator/kube/resource.ts";
import type { CommandResult } from "../../frame/command.ts";
import type { Io } from "../../frame/io.ts";
import { REVOKE_OPTIONS, printRevoked, termsOf } from "../../revoking/order.ts";
import { PLACE_OPTIONS, type Place, type PlaceOptions, openPlace } from "../place.ts";

export const REVOKE_IN_CLUSTER_OPTIONS = { ...REVOKE_OPTIONS, ...PLACE_OPTIONS } as const;

/** Whom the command means, looked up in the cluster where it has to be. */
export type Target = Pick<RevocationOrder, "scope" | "about" | "whom" | "subjects">;

const NEVER = new AbortController().signal;

export async function revokeInCluster(
  given: PlaceOptions & { readonly for: string; readonly reason: string },
  io: Io,
  targetIn: (place: Place) => Promise<Target | { readonly cannotRun: string }>,
): Promise<CommandResult> {
  const terms = termsOf(given, io);
  if ("cannotRun" in terms) return terms;
  return withPlace(given, async (place) => {
    const target = await targetIn(place);
    if ("cannotRun" in target) return target;
    const guardrail = revocationGuardrail({ ...target, ...terms, by: await whoAmI(place.kube) });
    const { metadata, spec } = guardrail;
    await place.kube.create(GUARDRAILS, { metadata, spec }, { signal: NEVER });
    const revocation = revocationIn(guardrail);
    if (revocation === undefined) throw new TypeError("a revocation was written that is none");
    printRevoked(revocation, "kubectl sallyport revoke lift", io);
    return 0;
  });
}

/** What the API server refuses is for the person to read, with what would give them the right. */
export async function withPlace(
  given: PlaceOptions,
  work: (place: Place) => Promise<CommandResult>,
): Promise<CommandResult> {
  const place = openPlace(given);
  if ("cannotRun" in place) return place;
  using _place = place;
  try {
    return await work(place);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return { cannotRun: error.status === 403 ? lacking(error) : error.message };
  }
}

const lacking = ({ message }: KubeError): string =>
  `${message}\nrevoking takes a right in the whole cluster, and reading pods one where they are; the first is given by\n` +
  "  kubectl create clusterrolebinding NAME --clusterrole sallyport-revoke --user WHO";

/** As the API server knows them: under another name it would not take the guardrail. */
async function whoAmI(kube: Pick<Kube, "post">): Promise<string> {
  const review = await kube.post({ resource: SELF_SUBJECT_REVIEWS }, {}, { signal: NEVER });
  const status = isRecord(review) ? review["status"] : undefined;
  const userInfo = isRecord(status) ? status["userInfo"] : undefined;
  const username = isRecord(userInfo) ? userInfo["username"] : undefined;
  if (typeof username === "string" && username !== "") return username;
  throw new KubeError({ status: 0, reason: "Unknown", message: "the API server does not say who you are" });
}
