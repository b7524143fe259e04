/** When one rule takes in all of another, for lints. Every answer of `true` is certain; `false` may be a "perhaps". */
import type { KubernetesPermission } from "#core/api/kinds.gen.ts";
import { EVERY, namePattern } from "./patterns.ts";

export function kubernetesCovers(wide: KubernetesPermission, narrow: KubernetesPermission): boolean {
  return (
    listCovers(wide.verbs, narrow.verbs, (one, other) => one === EVERY || one === other) &&
    // What a star takes in depends on what it meets; the same words mean the same.
    listCovers(wide.resources, narrow.resources, (one, other) => one === other) &&
    listCovers(wide.namespaces, narrow.namespaces, nameCovers) &&
    listCovers(wide.names, narrow.names, nameCovers) &&
    listCovers(wide.paths, narrow.paths, nameCovers)
  );
}

/** An absent list narrows nothing. */
function listCovers(
  wide: readonly string[] | undefined,
  narrow: readonly string[] | undefined,
  covers: (wide: string, narrow: string) => boolean,
): boolean {
  if (wide === undefined) return true;
  return narrow !== undefined && narrow.every((other) => wide.some((one) => covers(one, other)));
}

function nameCovers(wide: string, narrow: string): boolean {
  const [one, other] = [namePattern(wide), namePattern(narrow)];
  return one.isPrefix ? other.text.startsWith(one.text) : wide === narrow;
}
