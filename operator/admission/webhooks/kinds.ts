/** Our own kinds: what does not compile is refused when it is written, in the compiler's words. */
import { isDeepStrictEqual } from "node:util";
import type { Neighbours } from "#core/api/cross-check.ts";
import { GROUP } from "../../names.ts";
import { type KindFinding, errorsOf, judgeKind } from "../kinds/judge.ts";
import { type NamedKinds, neighboursOf } from "../kinds/neighbours.ts";
import type { JsonObject, Review } from "../server/review.ts";
import type { Finding, Verdict } from "../server/verdict.ts";
import type { Webhook } from "../server/webhook.ts";

/** `kinds`: what there is, so that an author is told of a name that means nothing. */
export function validateKinds(kinds: NamedKinds): Webhook {
  return {
    isFor: ({ group, subResource, operation }: Review) =>
      group === GROUP && subResource === "" && (operation === "CREATE" || operation === "UPDATE"),
    judge: async ({ object = {}, oldObject, namespace }) =>
      judged(object, oldObject, neighboursOf(kinds, namespace === "" ? undefined : namespace)),
  };
}

function judged(
  object: JsonObject,
  oldObject: JsonObject | undefined,
  neighbours: Neighbours | undefined,
): Verdict {
  const judgement = judgeKind(object, uidOf(object), neighbours);
  const errors = errorsOf(judgement);
  const warnings = judgement.findings.filter(({ severity }) => severity !== "error").map(sentence);
  if (errors.length === 0) return { outcome: "allowed", warnings };
  // It got in before, and opens nothing: whoever labels it, or takes a finalizer off it, has not made that worse.
  if (oldObject !== undefined && isDeepStrictEqual(object["spec"], oldObject["spec"]))
    return { outcome: "allowed", warnings: [...errors.map(sentence), ...warnings] };
  return { outcome: "refused", findings: errors.map(findingOf), warnings };
}

const sentence = ({ field, message }: KindFinding): string =>
  field === "" ? message : `${field}: ${message}`;

const findingOf = ({ field, code, message }: KindFinding): Finding => ({ field, rule: code, message });

function uidOf({ metadata }: JsonObject): string {
  const uid =
    typeof metadata === "object" && metadata !== null && "uid" in metadata ? metadata.uid : undefined;
  return typeof uid === "string" ? uid : "";
}
