/** Revoking on a host: its broker writes the guardrail, and whoever may ask it is held to be who the kernel says. */
import { userInfo } from "node:os";
import type { RevokeRequest, Revoked } from "#broker/revoking/asked.ts";
import { DATA_OPTION, adminPath, askBroker } from "../admin/client.ts";
import type { CommandResult } from "../frame/command.ts";
import type { Io } from "../frame/io.ts";
import { REVOKE_OPTIONS, printRevoked, termsOf } from "./order.ts";

export const REVOKE_ON_HOST_OPTIONS = { ...REVOKE_OPTIONS, ...DATA_OPTION } as const;

interface Given {
  readonly for: string;
  readonly reason: string;
  readonly data: string | undefined;
}

export async function revokeOnHost(
  { data, ...given }: Given,
  io: Io,
  whom: Pick<RevokeRequest, "token" | "session">,
): Promise<CommandResult> {
  const terms = termsOf(given, io);
  if ("cannotRun" in terms) return terms;
  const { because, untilMs } = terms;
  const request: RevokeRequest = { ...whom, because, untilMs, name: personName() };
  const asked = await askBroker<Revoked>(adminPath(data), ["POST", "/revoke"], request);
  if (!asked.ok) return { cannotRun: asked.message };
  const where = data === undefined ? "" : ` --data ${data}`;
  printRevoked(asked.value.revocation, `sallyport revoke lift${where}`, io);
  return 0;
}

/** Whoever has become root by sudo is still somebody. */
export function personName(): string {
  const { SUDO_USER: before, USER: user = "" } = process.env;
  if (before !== undefined && before !== "") return before;
  try {
    return userInfo().username;
  } catch (error) {
    // A uid that no file of users knows.
    if (error instanceof Error && "code" in error) return user === "" ? "somebody" : user;
    throw error;
  }
}
