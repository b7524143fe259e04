import { command } from "./frame/command.ts";
import { REVOKE_ON_HOST_OPTIONS, revokeOnHost } from "./revoking/host.ts";

export const revokeSession = command({
  summary: "take everything from whoever a session of a running gateway is of",
  description: [
    "As `revoke subject`, for the subject of a session that is open: every token of its provider with its `sub`. That one session alone " +
      "is ended by `sallyport kill`.",
  ],
  positionals: [{ name: "SESSION", help: "the session, as `sallyport sessions` and the trail name it" }],
  options: REVOKE_ON_HOST_OPTIONS,
  examples: ['sallyport revoke session 9hTq0mWl3vLwYk2bXo1rGA --for 1h --reason "incident 4711"'],
  run: ({ options, positionals: [session = ""] }, io) => revokeOnHost(options, io, { session }),
});
