/** AdmissionReview (admission.k8s.io/v1), read once at the border. What is not understood is refused as a whole; nothing of it is ever quoted. */

/** authentication.k8s.io/v1 UserInfo, as the API server verified it. */
export interface UserInfo {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export type JsonObject = Readonly<Record<string, unknown>>;

const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT"] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Review {
  /** Comes back in the answer. */
  readonly uid: string;
  readonly group: string;
  readonly resource: string;
  readonly subResource: string;
  /** Empty when the API server has yet to make one (generateName). */
  readonly name: string;
  /** Empty for what belongs to the whole cluster. */
  readonly namespace: string;
  readonly operation: Operation;
  readonly userInfo: UserInfo;
  readonly object: JsonObject | undefined;
  readonly oldObject: JsonObject | undefined;
  readonly isDryRun: boolean;
}

export class Malformed extends Error {}

const API_VERSION = "admission.k8s.io/v1";
const NAME_CHARACTERS_MAX = 253;
const UID_CHARACTERS_MAX = 128;
const USER_CHARACTERS_MAX = 4_096;
const GROUPS_MAX = 10_000;
const EXTRA_MAX = 1_000;

/** Members that a newer API server adds are passed over: refusing them would stop every pod of the cluster at its upgrade. */
export function readReview(body: unknown): Review {
  const review = objectAt(body, "body");
  if (review["apiVersion"] !== API_VERSION || review["kind"] !== "AdmissionReview")
    throw new Malformed(`expected an AdmissionReview of ${API_VERSION}`);
  const request = objectAt(review["request"], "request");
  const resource = objectAt(request["resource"], "request.resource");
  const operation = OPERATIONS.find((word) => word === request["operation"]);
  if (operation === undefined) throw new Malformed("request.operation: expected an operation of admission");
  return {
    uid: textAt(request["uid"], "request.uid", UID_CHARACTERS_MAX, 1),
    group: textAt(resource["group"], "request.resource.group", NAME_CHARACTERS_MAX),
    resource: textAt(resource["resource"], "request.resource.resource", NAME_CHARACTERS_MAX, 1),
    subResource: optionalText(request["subResource"], "request.subResource"),
    name: optionalText(request["name"], "request.name"),
    namespace: optionalText(request["namespace"], "request.namespace"),
    operation,
    userInfo: readUser(request["userInfo"]),
    object: optionalObject(request["object"], "request.object"),
    oldObject: optionalObject(request["oldObject"], "request.oldObject"),
    isDryRun: optionalFlag(request["dryRun"], "request.dryRun"),
  };
}

function readUser(json: unknown): UserInfo {
  const user = objectAt(json, "request.userInfo");
  const extra = Object.entries(optionalObject(user["extra"], "request.userInfo.extra") ?? {});
  if (extra.length > EXTRA_MAX) throw new Malformed("request.userInfo.extra: too many");
  return {
    username: textAt(user["username"], "request.userInfo.username", USER_CHARACTERS_MAX),
    uid: user["uid"] === undefined ? "" : textAt(user["uid"], "request.userInfo.uid", USER_CHARACTERS_MAX),
    groups: textsAt(user["groups"] ?? [], "request.userInfo.groups"),
    // Without a prototype: a name of the user's choosing must not be found on Object.
    extra: Object.assign(
      Object.create(null) as Record<string, readonly string[]>,
      Object.fromEntries(extra.map(([name, values]) => [name, textsAt(values, "request.userInfo.extra")])),
    ),
  };
}

function objectAt(json: unknown, place: string): JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new Malformed(`${place}: expected an object`);
  return json as JsonObject;
}

/** The API server writes what is not there as null. */
function optionalObject(json: unknown, place: string): JsonObject | undefined {
  return json === undefined || json === null ? undefined : objectAt(json, place);
}

function textAt(json: unknown, place: string, charactersMax: number, charactersMin = 0): string {
  if (typeof json !== "string" || json.length > charactersMax || json.length < charactersMin)
    throw new Malformed(`${place}: expected a text`);
  return json;
}

function optionalText(json: unknown, place: string): string {
  return json === undefined ? "" : textAt(json, place, NAME_CHARACTERS_MAX);
}

function textsAt(json: unknown, place: string): readonly string[] {
  if (!Array.isArray(json) || json.length > GROUPS_MAX) throw new Malformed(`${place}: expected a list`);
  return json.map((entry: unknown) => textAt(entry, place, USER_CHARACTERS_MAX));
}

function optionalFlag(json: unknown, place: string): boolean {
  if (json === undefined) return false;
  if (typeof json !== "boolean") throw new Malformed(`${place}: expected true or false`);
  return json;
}
