/** The shared catalog as one session sees it: what it has changed itself and nobody else can see yet is added here. */
import type { ColumnMask } from "#core/policy/decision.ts";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import type { PostgresRequest, RelationName } from "#core/statements/postgres/facts.ts";
import { liveCatalog, unsettledCatalog } from "#core/statements/postgres/live.ts";
import type { ColumnResolver, SessionCatalog } from "../masking.ts";
import type { CatalogOpening } from "../protocol.ts";
import { mayChange, mentioned } from "./changes.ts";
import type { Reading } from "./reading.ts";
import { catalogResolver, type Knowledge, type Unsettled } from "./resolver.ts";
import type { Member, SharedCatalog } from "./shared.ts";

/** More than an honest transaction changes; beyond it, it may have changed anything. */
const MENTIONED_MAX = 200;

export class LiveCatalog implements SessionCatalog, Knowledge {
  readonly columns: ColumnResolver = catalogResolver(this);
  version = 0;
  reading: Reading | string = "the catalog has not been read yet";
  unsettled: Unsettled;
  readonly #shared: SharedCatalog;
  readonly #stock: Catalog;
  readonly #member: Member;
  /** Without what an open transaction hides. */
  #settled: Catalog;
  #names: Catalog;
  /** What this session has changed is in readings from this number on. */
  #atLeast = 0;

  constructor(shared: SharedCatalog, stock: Catalog, { logIn }: CatalogOpening) {
    this.#shared = shared;
    this.#stock = stock;
    this.#member = { logIn, masks: [] };
    this.#settled = unread(stock, this.reading as string);
    this.#names = this.#settled;
    shared.join(this.#member);
  }

  get names(): Catalog {
    return this.#names;
  }

  changed(request: PostgresRequest | undefined): void {
    const reading = typeof this.reading === "string" ? undefined : this.reading;
    if (request !== undefined && !mayChange(request, reading)) return;
    if (this.unsettled === undefined) this.#show(unsettledCatalog(this.#settled));
    this.unsettled = together(
      this.unsettled,
      request === undefined ? "anything" : mentioned(request, reading),
    );
    this.version += 1;
  }

  transactionEnded(): void {
    if (this.unsettled === undefined) return;
    this.unsettled = undefined;
    this.#atLeast = this.#shared.nextReading;
    this.#show(this.#settled);
  }

  ready(masks: readonly ColumnMask[]): Promise<void> | undefined {
    this.#member.masks = masks;
    const reading = this.#shared.ready(masks, this.#atLeast);
    if (reading !== undefined) return reading.then(() => this.#adopt());
    this.#adopt();
    return undefined;
  }

  async readAgain(masks: readonly ColumnMask[]): Promise<void> {
    this.#member.masks = masks;
    await this.#shared.readAgain(masks);
    this.#adopt();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#shared.leave(this.#member);
    return Promise.resolve();
  }

  #adopt(): void {
    const { reading } = this.#shared;
    if (reading === this.reading) return;
    this.reading = reading;
    this.version += 1;
    this.#settled = typeof reading === "string" ? unread(this.#stock, reading) : reading.names;
    this.#show(this.unsettled === undefined ? this.#settled : unsettledCatalog(this.#settled));
  }

  #show(names: Catalog): void {
    if (names === this.#names) return;
    this.#names = names;
    this.version += 1;
  }
}

function together(before: Unsettled, now: Exclude<Unsettled, undefined>): Unsettled {
  if (before === "anything" || now === "anything") return "anything";
  const relations: RelationName[] = [...(before?.relations ?? []), ...now.relations];
  return relations.length > MENTIONED_MAX ? "anything" : { relations };
}

function unread(stock: Catalog, problem: string): Catalog {
  const nothing = { relations: undefined, functions: undefined, operators: undefined, types: undefined };
  return liveCatalog(stock, { ...nothing, problem });
}
