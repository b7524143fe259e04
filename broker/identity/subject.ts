/** One text per identity: equal texts are one subject, for limits, for leases and for the roles that are minted. */
import { type Identity } from "#core/policy/facts.ts";
import { claimTexts } from "#core/policy/subject.ts";

/** Issuer and subject are what an identity is (OpenID Connect Core, section 5.7); an e-mail address is none. */
export function subjectOf({ oidc, serviceAccount, user }: Identity): string {
  if (oidc !== undefined) {
    const [issuer = ""] = claimTexts(oidc.claims, "iss");
    const [subject = ""] = claimTexts(oidc.claims, "sub");
    return JSON.stringify(["oidc", oidc.provider, issuer, subject]);
  }
  if (serviceAccount !== undefined) {
    return JSON.stringify(["serviceAccount", serviceAccount.namespace, serviceAccount.name]);
  }
  return JSON.stringify(["user", user?.name ?? ""]);
}

/** Pods of one service account have limits and roles of their own: the end of one takes nothing from another. */
export function subjectOfPod(uid: string): string {
  return JSON.stringify(["pod", uid]);
}
