import { realDisk } from "#broker/trail/real-disk.ts";
import { rotateKey } from "#broker/trail/rotate.ts";
import { DIRECTORY, SOURCE_OPTIONS, keysDirectory, messageOf, sessionKeysOf } from "./audit/source.ts";
import { type CommandResult, command } from "./frame/command.ts";
import { count } from "./frame/text.ts";

export const auditRotateKey = command({
  summary: "make a new key for the texts of a trail and wrap the old ones anew",
  description: [
    "Run it as the broker's user; the broker may run meanwhile. Sessions that begin from now on are under the new key, " +
      "and the keys of earlier sessions are wrapped anew under it.",
    "The key before the new one stays until the next rotation, because a running broker may just be using it. After a " +
      "key has become known, rotate twice, with a session in between.",
  ],
  positionals: [DIRECTORY],
  options: SOURCE_OPTIONS,
  examples: ["sallyport audit rotate-key /var/lib/sallyport/trail"],
  run: async ({ options, positionals: [directory = "."] }, io): Promise<CommandResult> => {
    try {
      const rotation = await rotateKey({
        disk: realDisk,
        directory: sessionKeysOf(directory),
        keysDirectory: keysDirectory(directory, options.keys),
      });
      io.out.write(
        `key ${rotation.added} made; ${count(rotation.filesRewritten, "file")} wrapped anew; ` +
          `removed: ${rotation.keysRemoved.join(", ") || "none"}; kept: ${rotation.keysKept.join(", ") || "none"}\n`,
      );
      return 0;
    } catch (error) {
      return { cannotRun: `the key was not rotated: ${messageOf(error)}` };
    }
  },
});
