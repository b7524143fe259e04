/** What a registry and the names of stamps come to in the language of the API server's policies. */
import { AUTHOR, ORIGIN } from "../../names.ts";
import { EXTRA } from "./origin.ts";
import { type FieldPath, isMaker, type OwnerKind, type Registry } from "./registry.ts";
import { RESTARTED, RESTARTED_FORM } from "./template.ts";

const text = (value: string): string => JSON.stringify(value);
export const quoted = (values: readonly string[]): string => `[${values.map(text).join(", ")}]`;

export const AUTHOR_KEYS = quoted(Object.values(AUTHOR));

/** Which annotation says what of the requester. */
export const STAMPS = `[${Object.entries({
  user: "request.userInfo.username",
  uid: "request.userInfo.?uid.orValue('')",
  groups: "request.userInfo.?groups.orValue([]).join('\\n')",
  podName: extra("podName"),
  podUid: extra("podUid"),
  nodeName: extra("nodeName"),
  credential: extra("credential"),
} satisfies Record<keyof typeof ORIGIN, string>)
  .map(([fact, said]) => `[${text(ORIGIN[fact as keyof typeof ORIGIN])}, ${said}]`)
  .join(", ")}]`;

function extra(fact: keyof typeof EXTRA): string {
  return `variables.extra[?${text(EXTRA[fact])}].orValue([]).join('\\n')`;
}

/** By user, the kinds that it makes things for: as `Kind.group`, or as `plural.group`. */
export function makersIn(registry: Registry, named: "kind" | "plural"): string {
  const entries = [...registry.values()].filter(isMaker).map(({ user, owns }) => {
    return `${text(user)}: ${quoted(owns.map((each) => `${each[named]}.${each.group}`))}`;
  });
  return `{${entries.join(", ")}}`;
}

export function keepersIn(registry: Registry): readonly string[] {
  return [...registry.values()].flatMap(({ user, keepsAuthors }) => (keepsAuthors ? [user] : []));
}

export function unboundIn(registry: Registry): readonly string[] {
  return [...registry.values()].flatMap(({ user, mayBeUnbound }) => (mayBeUnbound ? [user] : []));
}

export const ownersIn = (object: string): string =>
  `${object}.metadata.?ownerReferences.orValue([]).filter(owner, owner.?controller.orValue(false))`;

export const kindOf = (owner: string): string =>
  `(${owner}.kind + '.' + (${owner}.apiVersion.contains('/') ? ${owner}.apiVersion.split('/')[0] : ''))`;

const templateOf = (object: string): string =>
  `dyn(${object}).?spec.?template.or(dyn(${object}).?spec.?jobTemplate.?spec.?template).orValue({})`;
const jobOf = (object: string): string => `dyn(${object}).?spec.?jobTemplate.orValue({})`;

/** Of built-in kinds, before and after an update. */
export const TEMPLATE_VARIABLES = [
  { name: "template", expression: templateOf("object") },
  { name: "oldTemplate", expression: templateOf("oldObject") },
  { name: "notes", expression: "variables.template.?metadata.?annotations.orValue({})" },
  { name: "oldNotes", expression: "variables.oldTemplate.?metadata.?annotations.orValue({})" },
  { name: "job", expression: jobOf("object") },
  { name: "oldJob", expression: jobOf("oldObject") },
];

/** Never true where `determiningChanged` is false. */
export function changedIn(custom: readonly OwnerKind[]): string {
  const { notes, oldNotes } = { notes: "variables.notes", oldNotes: "variables.oldNotes" };
  const isOther = (map: string): string =>
    `(key != ${text(RESTARTED)} || !${map}[key].matches(${text(RESTARTED_FORM)}))`;
  const differs = (map: string): string =>
    `${map}.exists(key, ${isOther(map)} && ${notes}[?key] != ${oldNotes}[?key])`;
  const inSpec = (map: string): string =>
    `${map}.?spec.orValue({}).exists(key, key != 'template' && variables.job.?spec[?key] != variables.oldJob.?spec[?key])`;
  const builtIn = [
    "variables.template.?spec != variables.oldTemplate.?spec",
    "variables.template.?metadata.?labels != variables.oldTemplate.?metadata.?labels",
    differs(notes),
    differs(oldNotes),
    "variables.job.?metadata != variables.oldJob.?metadata",
    inSpec("variables.job"),
    inSpec("variables.oldJob"),
  ];
  return [`!variables.isCustom && (${builtIn.join(" || ")})`, ...custom.map(customChanged)].join(" || ");
}

function customChanged({ group, plural, determining }: OwnerKind): string {
  const at = (object: string, path: FieldPath): string =>
    `dyn(${object})${path.map((member) => `[?${text(member)}]`).join("")}`;
  const differs = determining.map((path) => `${at("object", path)} != ${at("oldObject", path)}`);
  return `request.resource.group == ${text(group)} && request.resource.resource == ${text(plural)} && (${differs.join(" || ")})`;
}
