/**
 * Reads files of kinds. What is good comes out typed; what is wrong comes out as findings; and a policy that is wrong
 * comes out as broken with what it reaches, never as absent.
 */
import { crossCheck, NO_NEIGHBOURS, type Neighbours } from "./cross-check.ts";
import { cutDocuments, withoutByteOrderMark } from "./documents.ts";
import { type ReadDocument, readDocument, unreadable } from "./document.ts";
import { refuseDuplicates } from "./duplicates.ts";
import { collectFindings, positions } from "./findings.ts";
import type {
  Connection,
  Gateway,
  IdentityProvider,
  Kind,
  PolicyTest,
  WorkloadController,
} from "./kinds.gen.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { Loaded, PolicySource } from "./loaded.ts";

/** A file that could not be read is handed in too: it may have held a policy. */
export type KindFile =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly problem: string };

/** `neighbours` are there too, and good; nothing is said about them. */
export function loadKinds(files: readonly KindFile[], neighbours: Neighbours = NO_NEIGHBOURS): Loaded {
  const documents = files.flatMap(readFile);
  const duplicates = refuseDuplicates(documents);
  const mismatched = crossCheck(
    documents.filter((document) => !duplicates.has(document)),
    neighbours,
  );
  const isGood = (document: ReadDocument): boolean => !duplicates.has(document) && !mismatched.has(document);
  const good = documents.flatMap((document): Kind[] => {
    return document.object !== undefined && isGood(document) ? [document.object] : [];
  });
  return {
    connections: good.filter((object): object is Connection => object.kind === "Connection"),
    policies: documents
      .filter(({ mayBePolicy }) => mayBePolicy)
      .map((document) => policySource(document, isGood(document))),
    identityProviders: good.filter(
      (object): object is IdentityProvider => object.kind === "IdentityProvider",
    ),
    workloadControllers: good.filter(
      (object): object is WorkloadController => object.kind === "WorkloadController",
    ),
    tests: good.filter((object): object is PolicyTest => object.kind === "PolicyTest"),
    gateways: good.filter((object): object is Gateway => object.kind === "Gateway"),
    diagnostics: documents.flatMap(({ findings }) => inOrder(findings.diagnostics)),
  };
}

function readFile(file: KindFile): readonly ReadDocument[] {
  const { path } = file;
  if ("problem" in file) {
    const findings = collectFindings(path, () => ({ line: 1, column: 1 }));
    findings.add({
      code: "UNREADABLE_FILE",
      start: 0,
      path: [],
      message: `the file cannot be read: ${file.problem}`,
    });
    return [unreadable(path, findings)];
  }
  const text = withoutByteOrderMark(file.text);
  const positionOf = positions(text);
  const cut = cutDocuments(text);
  if ("code" in cut) {
    const findings = collectFindings(path, positionOf);
    findings.add({ ...cut, path: [] });
    return [unreadable(path, findings)];
  }
  return cut.documents.map((document) => readDocument(path, document, positionOf));
}

function policySource(document: ReadDocument, good: boolean): PolicySource {
  const { object, file: origin, policyId, reach, findings } = document;
  const isPolicy = object?.kind === "SecretAccessPolicy" || object?.kind === "ClusterSecretAccessPolicy";
  if (good && isPolicy) return { state: "good", origin, policy: object };
  return {
    state: "broken",
    origin,
    reach,
    diagnostics: inOrder(findings.diagnostics),
    ...(policyId === undefined ? {} : { id: policyId }),
  };
}

function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
