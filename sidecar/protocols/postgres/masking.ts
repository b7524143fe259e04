/**
 * What the engine asks of whoever knows the catalog: which outputs show what. The engine itself replaces bytes; which
 * column of which table an output comes from, and whether an output without an origin may pass, is decided here.
 */
import type { ColumnMask, MaskAction } from "#core/policy/decision.ts";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import type { OutputColumn } from "#core/wire/postgres/messages.ts";
import type { Refusal } from "#core/values/refusal.ts";

/** For each output column what is done to its values; undefined: nothing. */
export type ColumnActions = readonly (MaskAction | undefined)[];

export interface ColumnResolver {
  /**
   * What becomes of a result with these columns. `facts` are those of the statement that makes it; undefined when it
   * is not known which one that is. A promise where something must be looked up first: no row leaves before.
   */
  actions(
    columns: readonly OutputColumn[],
    facts: StatementFacts | undefined,
    masks: readonly ColumnMask[],
  ): ColumnActions | Refusal | Promise<ColumnActions | Refusal>;
  /**
   * Whether a result of this statement could be refused by `actions`. When it could, the engine finds out before it
   * lets the statement run; when it could not, nothing waits.
   */
  mayRefuse(facts: StatementFacts, masks: readonly ColumnMask[]): boolean;
  /** COPY … TO STDOUT has no description of its columns: it passes only when it cannot show a masked one. */
  copyOut(facts: StatementFacts, masks: readonly ColumnMask[]): Refusal | undefined;
  /** Whether messages about this statement could quote values of a masked table. Undefined facts: any statement. */
  mayQuote(facts: StatementFacts | undefined, masks: readonly ColumnMask[]): boolean;
}

/** The catalog as one session sees it. */
export interface SessionCatalog extends AsyncDisposable {
  /** For analysis. */
  readonly names: Catalog;
  readonly columns: ColumnResolver;
  /** Grows when something that was found before may be wrong now. */
  readonly version: number;
  /**
   * This session ran something that may have changed the catalog. Until its transaction ends nobody else can see what;
   * undefined: it may have changed anything.
   */
  changed(request: PostgresRequest | undefined): void;
  /** No transaction is open. What was changed in the one before is read before the next text is judged. */
  transactionEnded(): void;
  /**
   * Resolves when `names` is up to date and what these masks cover is known; undefined when it is so. `isInTransaction`: one
   * may be open, whose changes nobody took down while `follow` was enough.
   */
  ready(masks: readonly ColumnMask[], isInTransaction?: boolean): Promise<void> | undefined;
  /**
   * Instead of `ready` where no decision and no mask depends on names, only what is put on record: nobody waits. Names that may
   * be out of date are no longer told then, so that the record says too much sooner than too little.
   */
  follow(): void;
  /**
   * Resolves when the catalog has been read again, because the request names relations that it did not show; undefined when
   * it names none, or when that was done just now.
   */
  lookAgain(request: PostgresRequest, masks: readonly ColumnMask[]): Promise<void> | undefined;
}
