/** What sessions meet that follow the catalog, and how they are held to a mask. */
import { setTimeout as pause } from "node:timers/promises";
import type { ScriptedTap } from "#test/postgres/support/gateway.ts";
import { mask, type World } from "./world.ts";

export const SETUP = `
  create schema app;
  create table people (id int, email text, city text);
  insert into people values (1, 'Canary@x', 'Riga');
  create table plain (id int, note text);
  insert into plain values (7, 'open');
  create view swapped as select city as note from people;
  create function touch() returns int language plpgsql as $$ begin
    execute 'create or replace view swapped as select email as note from people'; return 1; end $$;`;

/** Nothing is read again by itself. */
export const NEVER = { freshMs: 600_000, staleMs: 600_000, followMs: 600_000, lookMs: 600_000 };
export const EMAIL = [mask("public.people.email")];
export const REFUSED = /^42501 .*could show a masked column/;

/** The session that may do everything is held to a mask from now on. */
export function restrict(tap: ScriptedTap): void {
  tap.passesAll = false;
  tap.set({ mask: EMAIL });
  tap.changed();
}

export async function untilLockIsWaitedFor({ admin }: World): Promise<void> {
  for (;;) {
    const [row] = await admin.query(
      "select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted",
    );
    if (Number(row?.["n"]) > 0) return;
    await pause(5);
  }
}
