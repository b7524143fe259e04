/** Whose an object is: read from what admission has written on it. */
import { AUTHOR, ORIGIN } from "../../names.ts";
import { isMaker, type Registry } from "./registry.ts";
import type { Stampable, Stamps } from "./stamp.ts";

/** A requester, as the API server knew them. */
export interface Author {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  /** Set when the token was bound to a pod: then it is that pod which made it. */
  readonly pod?: { readonly name: string; readonly uid: string; readonly nodeName: string };
  /** Which token, where it had a name. */
  readonly credential: string;
}

/**
 * How the author of what a controller made was found. `Owner`: it is the owner's. `Exchange`: it is to be found at each exchange, by
 * following the owners that there are then. `Nobody`: the owner has none, so nobody answers for it.
 */
export const AUTHOR_FROM = ["Owner", "Exchange", "Nobody"] as const;
export type AuthorFrom = (typeof AUTHOR_FROM)[number];

export type Authorship =
  | { readonly found: "author"; readonly author: Author }
  /** To be found by following the owners. */
  | { readonly found: "later" }
  /** `unstamped`: older than its namespace's label. `controller`: made by one for nobody who is known. */
  | { readonly found: "nobody"; readonly why: "unstamped" | "controller" };

/** A controller's word is its owner's; whoever makes things for others is never an author, whenever the object was made. */
export function authorOf(object: Stampable, registry: Registry): Authorship {
  const annotations = object.metadata?.annotations ?? {};
  const from = annotations[AUTHOR.from];
  if (from === ("Owner" satisfies AuthorFrom)) return read(annotations, AUTHOR, "controller");
  if (from === ("Exchange" satisfies AuthorFrom)) return { found: "later" };
  if (from !== undefined || isMaker(registry.get(annotations[ORIGIN.user] ?? "")))
    return { found: "nobody", why: "controller" };
  return read(annotations, ORIGIN, "unstamped");
}

/** On what a controller makes from `owner`. */
export function authorStamps(authorship: Authorship): Stamps {
  if (authorship.found === "later") return { [AUTHOR.from]: "Exchange" satisfies AuthorFrom };
  if (authorship.found === "nobody") return NOBODY;
  const { user, uid, groups, pod, credential } = authorship.author;
  const facts = {
    user,
    uid,
    groups: groups.join("\n"),
    podName: pod?.name ?? "",
    podUid: pod?.uid ?? "",
    nodeName: pod?.nodeName ?? "",
    credential,
  } satisfies Record<keyof typeof ORIGIN, string>;
  const said = Object.entries(facts).filter(([, value]) => value !== "");
  return {
    [AUTHOR.from]: "Owner" satisfies AuthorFrom,
    ...Object.fromEntries(said.map(([fact, value]) => [AUTHOR[fact as keyof typeof ORIGIN], value])),
  };
}

export const NOBODY: Stamps = { [AUTHOR.from]: "Nobody" satisfies AuthorFrom };

function read(
  annotations: Readonly<Record<string, string>>,
  keys: Readonly<Record<keyof typeof ORIGIN, string>>,
  why: "unstamped" | "controller",
): Authorship {
  const user = annotations[keys.user];
  if (user === undefined) return { found: "nobody", why };
  const groups = annotations[keys.groups];
  const uid = annotations[keys.podUid];
  const name = annotations[keys.podName] ?? "";
  return {
    found: "author",
    author: {
      user,
      uid: annotations[keys.uid] ?? "",
      groups: groups === undefined ? [] : groups.split("\n"),
      ...(uid === undefined ? {} : { pod: { name, uid, nodeName: annotations[keys.nodeName] ?? "" } }),
      credential: annotations[keys.credential] ?? "",
    },
  };
}
