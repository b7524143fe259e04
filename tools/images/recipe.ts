/** What an image is made of. */
import type { ImageConfig } from "./oci.ts";
import type { Entry } from "./tar.ts";

export interface Recipe {
  readonly name: string;
  readonly config: ImageConfig;
  readonly layers: readonly (readonly Entry[])[];
}
