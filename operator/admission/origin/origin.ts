/** Who made an object, as the API server knew it when it was made. */
import { ORIGIN } from "../../names.ts";
import type { Stamps } from "./stamp.ts";

/** `userInfo` of an admission request, as far as it is put on record. */
export interface UserInfo {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The annotations of an origin. What the request did not say is not among them. */
export type Origin = Stamps;

export type OriginRead =
  | { readonly outcome: "read"; readonly origin: Origin }
  | { readonly outcome: "refused"; readonly reason: string };

/** Annotations of an object may have 256 KiB in all, and a person with a thousand groups is no reason to lose one of them. */
export const ORIGIN_BYTES_MAX = 64 * 1024;

/** What the API server adds to a token's user when it has verified to which pod the token is bound. */
export const EXTRA = {
  podName: "authentication.kubernetes.io/pod-name",
  podUid: "authentication.kubernetes.io/pod-uid",
  nodeName: "authentication.kubernetes.io/node-name",
  credential: "authentication.kubernetes.io/credential-id",
} as const satisfies Partial<Record<keyof typeof ORIGIN, string>>;

export function originOf(userInfo: UserInfo): OriginRead {
  const { username = "", uid = "", groups = [] } = userInfo;
  const several = Object.values(EXTRA).find((key) => (userInfo.extra?.[key]?.length ?? 0) > 1);
  if (several !== undefined) return refused(`the request has several values of ${several}`);
  // Joined by newlines: a group with one in it would be two.
  if (groups.some((group) => group.includes("\n")))
    return refused("a group of the requester has a newline in its name");
  const facts = {
    user: username,
    uid,
    groups: groups.join("\n"),
    podName: extraOf(userInfo, "podName"),
    podUid: extraOf(userInfo, "podUid"),
    nodeName: extraOf(userInfo, "nodeName"),
    credential: extraOf(userInfo, "credential"),
  } satisfies Record<keyof typeof ORIGIN, string>;
  const origin = Object.fromEntries(
    Object.entries(facts).flatMap(([fact, value]) =>
      value === "" ? [] : [[ORIGIN[fact as keyof typeof ORIGIN], value] as const],
    ),
  );
  const bytes = Object.values(origin).reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (bytes > ORIGIN_BYTES_MAX) {
    return refused(
      `name and groups of the requester take ${bytes} bytes; at most ${ORIGIN_BYTES_MAX} can be put on record`,
    );
  }
  return { outcome: "read", origin };
}

/**
 * A service account whose token is bound to no pod: an old token kept in a Secret, or one that somebody asked for. Whose hands it is in
 * cannot be told.
 */
export const isUnattributed = (userInfo: UserInfo): boolean =>
  (userInfo.username ?? "").startsWith("system:serviceaccount:") && extraOf(userInfo, "podUid") === "";

const refused = (reason: string): OriginRead => ({ outcome: "refused", reason });

const extraOf = ({ extra }: UserInfo, fact: keyof typeof EXTRA): string => extra?.[EXTRA[fact]]?.[0] ?? "";
