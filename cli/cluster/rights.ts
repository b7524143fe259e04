/** What a person lacks, in words, with the commands by which somebody can give it. */
import type { Right } from "#core/port/people.ts";
import type { KubeError } from "#operator/kube/error.ts";
import { GROUP } from "#operator/names.ts";

/** The narrowest of the chart's roles that has it. */
function roleFor({ verb, resource }: Right): string {
  return verb === "list" && resource === "sessions" ? "sallyport-view" : "sallyport-respond";
}

export function lackingRight(person: string, right: Right): string {
  const { verb, resource, namespace } = right;
  const where = namespace === undefined ? "in the whole cluster" : `in namespace ${namespace}`;
  const who = `--user '${person}'`;
  const role = `--clusterrole ${roleFor(right)}`;
  const give =
    namespace === undefined
      ? `kubectl create clusterrolebinding NAME ${role} ${who}`
      : `kubectl -n ${namespace} create rolebinding NAME ${role} ${who}`;
  return `${person} may not ${verb} ${resource}.${GROUP} ${where}; it is given by\n  ${give}`;
}

/** The API server's own words name the rule that is lacking; the two roles have all of them. */
export function wayIn({ message }: KubeError, systemNamespace: string): string {
  return [
    message,
    "the way to the brokers is given by",
    "  kubectl create clusterrolebinding NAME --clusterrole sallyport-reach --user WHO",
    `  kubectl -n ${systemNamespace} create rolebinding NAME --role sallyport-reach --user WHO`,
  ].join("\n");
}
