/** A request as a PolicyTest writes it down. */
import type { KubernetesRequest as Asked } from "#core/api/kinds.gen.ts";
import type { Act, KubernetesRequest } from "./acts.ts";
import { parseResource } from "./patterns.ts";

/** The schema lets nothing pass that is neither a resource nor a path. */
export function requestOf(asked: Asked): KubernetesRequest {
  return { protocol: "kubernetes", acts: [actOf(asked)] };
}

function actOf({ verb, resource, namespace, name, path }: Asked): Act {
  const parsed = resource === undefined ? undefined : parseResource(resource, "", () => undefined);
  if (parsed === undefined) return { kind: "path", verb, path: path ?? "/" };
  const { subresource, ...named } = parsed;
  return {
    kind: "resource",
    verb,
    ...named,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}
