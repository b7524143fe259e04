/** `node tools/cluster/node/prepare.ts`: the images of agents into the cache, once per machine, before tests wait for them. */
import { agentImage, nodeImage } from "./images.ts";
import { nodeTierProblem } from "./problem.ts";

const say = (line: string): void => void process.stderr.write(`setup: ${line}\n`);

// What is missing, the tests that need it say too, and they are red under CI=true.
if (nodeTierProblem() === undefined)
  try {
    await agentImage(say);
    await nodeImage(say);
  } catch (error) {
    say(`images of agents cannot be made: ${(error as Error).message.split("\n")[0]}`);
    process.exitCode = 1;
  }
