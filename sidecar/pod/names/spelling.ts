/**
 * Names as agents write them and as their resolvers ask for them. A resolver tries a name with each ending of its search path, so
 * that `orders`, `orders.shop` and `orders.shop.svc.cluster.local` may all be asked for one service. Here they are one name.
 */

/** The ending of services in a cluster, and whatever the cluster is called behind it. */
const SERVICE = /^([^.]+\..+?)\.svc(?:\..+)?$/;
const USUAL_CLUSTER = "cluster.local";
const NAME_CHARS_MAX = 253;

/** What all spellings of a name have in common, in a pod of that namespace. */
export function canonical(name: string, namespace: string): string {
  const plain = name.toLowerCase().replace(/\.$/, "");
  if (!plain.includes(".")) return `${plain}.${namespace}`;
  return SERVICE.exec(plain)?.[1] ?? plain;
}

/** The ways to write it that a certificate has to be for, `name` being canonical. */
export function spellings(name: string, namespace: string): readonly string[] {
  const ending = `.${namespace}`;
  const short = name.endsWith(ending) ? name.slice(0, -ending.length) : "";
  const isShort = short !== "" && !short.includes(".");
  return [...(isShort ? [short] : []), name, `${name}.svc`, `${name}.svc.${USUAL_CLUSTER}`].filter(
    (spelling) => spelling.length <= NAME_CHARS_MAX,
  );
}
