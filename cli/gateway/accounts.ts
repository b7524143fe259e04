/** Under which users the two halves run. Only root can give each its own. */
import { readFileSync } from "node:fs";

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface Accounts {
  readonly broker: Account;
  readonly dataPlane: Account;
}

export interface AccountWishes {
  readonly brokerUid: string | undefined;
  readonly dataPlaneUid: string | undefined;
  readonly group: string | undefined;
}

/**
 * When nothing is said: the users of these names where they exist, otherwise numbers that no distribution gives to anybody. A
 * process needs no entry in /etc/passwd.
 */
const DEFAULTS = {
  broker: { name: "sallyport-broker", id: 64_801 },
  dataPlane: { name: "sallyport-gateway", id: 64_802 },
  group: { name: "sallyport", id: 64_800 },
} as const;

const ID_MAX = 2 ** 32 - 2;

export interface NameFiles {
  readonly passwd: string;
  readonly group: string;
}

/** Undefined: everything runs as the user who started it. In words: why not. */
export function chooseAccounts(
  wishes: AccountWishes,
  ownUid: number | undefined,
  files: () => NameFiles = readNameFiles,
): Accounts | undefined | string {
  const isWished = Object.values(wishes).some((wish) => wish !== undefined);
  if (ownUid !== 0)
    return isWished
      ? "only root can run broker and data plane as users of their own; leave the options out"
      : undefined;
  const { passwd, group } = files();
  const broker = idOf(wishes.brokerUid, DEFAULTS.broker, passwd);
  const dataPlane = idOf(wishes.dataPlaneUid, DEFAULTS.dataPlane, passwd);
  const gid = idOf(wishes.group, DEFAULTS.group, group);
  if (broker === undefined) return `there is no user ${wishes.brokerUid}`;
  if (dataPlane === undefined) return `there is no user ${wishes.dataPlaneUid}`;
  if (gid === undefined) return `there is no group ${wishes.group}`;
  if (broker === 0 || dataPlane === 0) return "neither broker nor data plane runs as root; name other users";
  if (broker === dataPlane)
    return "broker and data plane need different users: whoever takes over the one must not be the other";
  return { broker: { uid: broker, gid }, dataPlane: { uid: dataPlane, gid } };
}

function idOf(
  wish: string | undefined,
  standard: { readonly name: string; readonly id: number },
  table: string,
): number | undefined {
  if (wish === undefined) return lookUp(standard.name, table) ?? standard.id;
  if (!/^\d+$/.test(wish)) return lookUp(wish, table);
  const id = Number(wish);
  return id <= ID_MAX ? id : undefined;
}

/** `name:x:id:…`, as in passwd(5) and group(5). */
function lookUp(name: string, table: string): number | undefined {
  const fields = table
    .split("\n")
    .map((line) => line.split(":"))
    .find(([first]) => first === name);
  const id = Number(fields?.[2]);
  return Number.isInteger(id) ? id : undefined;
}

function readNameFiles(): NameFiles {
  return { passwd: readFileSync("/etc/passwd", "utf8"), group: readFileSync("/etc/group", "utf8") };
}
