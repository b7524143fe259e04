/** Reads one document of a file: a good object, or what is left of it. */
import type { DocumentText } from "./documents.ts";
import { collectFindings, type Findings, type Position } from "./findings.ts";
import { type Identified, identify, isPolicy } from "./identify.ts";
import type { KindName } from "./kind-schemas.ts";
import { KIND_NAMES, schemaOf } from "./kind-schemas.ts";
import { KINDS } from "./schema.gen.ts";
import type { Kind } from "./kinds.gen.ts";
import type { PolicyId, Reach } from "./loaded.ts";
import { entryOf, type Located } from "./located.ts";
import { certainText, namespaceOf, policyIdOf, reachOf } from "./reach.ts";
import { readTree } from "./tree.ts";
import { validate } from "./validate.ts";

export interface ReadDocument {
  readonly file: string;
  /** Where it starts. */
  readonly line: number;
  readonly root: Located | undefined;
  /** Present when the document is without error. */
  readonly object?: Kind;
  /** Absent when not even that can be told. */
  readonly kind?: KindName;
  /** True for policies, and for what may have been meant as one. */
  readonly mayBePolicy: boolean;
  readonly namespace?: string;
  readonly name?: string;
  readonly policyId?: PolicyId;
  readonly reach: Reach;
  readonly findings: Findings;
}

/** What a document or file is when nothing of it can be read: possibly a policy, for anything. */
export function unreadable(file: string, findings: Findings): ReadDocument {
  return { file, line: 1, root: undefined, mayBePolicy: true, reach: { scope: "cluster" }, findings };
}

export function readDocument(
  file: string,
  { text, start }: DocumentText,
  positionOf: (offset: number) => Position,
): ReadDocument {
  const findings = collectFindings(file, positionOf);
  const tree = readTree(text, start, findings);
  if ("root" in tree) {
    const { line } = positionOf(tree.root.start);
    return { ...readRoot(file, tree.root, findings), line };
  }
  const { code, offset, message } = tree;
  findings.add({ code, start: start + offset, path: [], message });
  return { ...readHead(file, text, start, offset), root: undefined, findings };
}

function readRoot(file: string, root: Located, findings: Findings): ReadDocument {
  const identified = identify(root, findings);
  const checked =
    identified.state === "known"
      ? validate(root, schemaOf(identified.kind), [], findings)
      : ({ ok: false } as const);
  const shown =
    findings.errors > 0 && looksLikePolicy(root) ? ({ state: "maybePolicy" } as const) : identified;
  const described = describe(file, root, shown, findings);
  // The schema has checked it; this is the one place where a checked value gets its type.
  return checked.ok && findings.errors === 0 ? { ...described, object: checked.value as Kind } : described;
}

const RULE_FIELDS = ["allow", "deny", "ask", "mask"];

/**
 * A wrong object of another kind that says what only policies say may be a policy whose kind was mistaken. One stray
 * field that is no rule is a slip in an object of its own kind.
 */
function looksLikePolicy(root: Located): boolean {
  const written = entryOf(root, "kind")?.value;
  const kind = KIND_NAMES.find((name) => written?.kind === "scalar" && written.text === name);
  if (kind === undefined || isPolicy(kind)) return false;
  const { spec: own } = KINDS[kind];
  const { spec: policy } = KINDS.SecretAccessPolicy;
  const spec = entryOf(root, "spec")?.value;
  if (spec?.kind !== "map" || own.type !== "object" || policy.type !== "object") return false;
  const stray = spec.entries
    .map(({ key }) => key)
    .filter((key) => Object.hasOwn(policy.properties, key) && !Object.hasOwn(own.properties, key));
  return stray.length > 1 || stray.some((key) => RULE_FIELDS.includes(key));
}

function describe(file: string, root: Located, identified: Identified, findings: Findings): ReadDocument {
  const kind = identified.state === "known" ? identified.kind : undefined;
  const namespace = namespaceOf(root, findings);
  const name = certainText(root, "name", findings);
  const policyId = policyIdOf(root, identified, findings);
  return {
    file,
    line: 1,
    root,
    mayBePolicy: kind === undefined ? identified.state === "maybePolicy" : isPolicy(kind),
    reach: reachOf(root, identified, findings),
    findings,
    ...(kind === undefined ? {} : { kind }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(policyId === undefined ? {} : { policyId }),
  };
}

const HEADS_TRIED_MAX = 16;

/**
 * What stands before a syntax error may tell whose policy this was: the text is cut before a top-level field, ever
 * further up, until it can be read. The selectors after the cut are unknown, so a namespace is the narrowest reach.
 */
function readHead(file: string, text: string, start: number, stopped: number): ReadDocument {
  const silent = collectFindings(file, () => ({ line: 1, column: 1 }));
  const cuts = [...text.slice(0, stopped).matchAll(/(?:\r\n|\r|\n)(?=[^\s#-])/g)]
    .map(({ index }) => index)
    .reverse();
  for (const cut of cuts.slice(0, HEADS_TRIED_MAX)) {
    const findings = collectFindings(file, () => ({ line: 1, column: 1 }));
    const tree = readTree(text.slice(0, cut), start, findings);
    if (!("root" in tree)) continue;
    // A second `metadata` after the cut would make the first one doubtful.
    if (/(^|[\r\n])["']?(apiVersion|kind|metadata)\b/.test(text.slice(cut))) break;
    const { object: _, ...head } = readRoot(file, tree.root, findings);
    return { ...head, reach: widened(head.reach) };
  }
  return unreadable(file, silent);
}

function widened(reach: Reach): Reach {
  return reach.scope === "cluster" ? reach : { scope: "namespace", namespace: reach.namespace };
}
