import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import type { SessionCore } from "./core.ts";
import type { Statement } from "./names.ts";
import { traitsOf } from "./traits.ts";

/** A statement that was just analysed, before anything is decided of it. */
export function newStatement(core: SessionCore, text: Buffer, request: PostgresRequest): Statement {
  return {
    request,
    traits: traitsOf(request, text),
    text,
    epoch: core.epoch,
    generation: core.generation,
    unspent: -1,
    description: undefined,
    descriptionVersion: -1,
    describing: false,
  };
}
