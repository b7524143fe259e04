/** The container that installs a pod's rules: one static program, which alone has the capability to do so. */
import { gwInitProgram } from "./go-program.ts";
import type { Recipe } from "./recipe.ts";

export async function gwInit(tag: string): Promise<Recipe> {
  return {
    name: `sallyport/gw-init:${tag}`,
    config: { user: "65533:65533", entrypoint: ["/gw-init"] },
    layers: [
      [
        {
          kind: "file",
          path: "gw-init",
          content: { file: await gwInitProgram() },
          mode: 0o755,
          // Not effective: the program then starts without it too, and can say what it lacks.
          capabilities: { permitted: ["cap_net_admin"], effective: false },
        },
      ],
    ],
  };
}
