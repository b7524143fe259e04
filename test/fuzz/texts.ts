/**
 * The statements that fuzzers send: few enough that they meet one another, and of every kind that changes what a session
 * is. A real server knows them all; the model knows those that it can carry out itself.
 */
import type { Random } from "./random.ts";

/** `people` is masked in `secret` and `pin`; nobody changes it. */
export const SETUP = `
  create table kept (n int primary key);
  create table hidden (n int);
  create table people as select 1 as n, 'of-ann'::text as secret, 1111 as pin union all select 2, 'of-bob', 2222;
  create schema other;
  create table other.hidden as select 7 as n;
  create table other.kept as select 40 as n`;
/** Puts everything back that the statements below can change. */
export const RESET = `
  drop table if exists made, other.made;
  truncate kept, hidden, other.kept, other.hidden;
  insert into kept values (1), (2), (3);
  insert into other.kept values (40);
  insert into other.hidden values (7)`;
/** All that they can have left. */
export const LEFT = `
  select md5(string_agg(x.line, ',' order by x.line)) as digest from (
    select 'kept ' || n as line from kept union all select 'hidden ' || n from hidden
    union all select 'other ' || n from other.kept union all select 'other hidden ' || n from other.hidden
    union all select relname::text from pg_class where relname = 'made') as x`;
/** What people looks like to whom masks show it. */
export const MASK_PEOPLE = "update people set secret = '***', pin = null";

export const PEOPLE: readonly (readonly [n: number, secret: string, pin: number])[] = [
  [1, "of-ann", 1111],
  [2, "of-bob", 2222],
];

export const PEOPLE_READ = "select n, secret, pin from people order by n";

const KEYS = [2, 3, 4, 5, 6, 7];

/** The model carries these out. */
const MODELLED: readonly ((random: Random) => string)[] = [
  () => "select n from kept order by n",
  () => "select n from kept order by n",
  () => PEOPLE_READ,
  (random) => `insert into kept values (${random.pick(KEYS)})`,
  (random) => `insert into kept values (${random.pick(KEYS)})`,
  (random) => `delete from kept where n = ${random.pick(KEYS)} returning n`,
  () => "select 1 / (n - n) from people",
  () => "select n from nowhere",
  () => "selec",
  () => "",
  () => "begin",
  () => "begin",
  () => "commit",
  () => "rollback",
  () => "savepoint s",
  () => "rollback to s",
  () => "release s",
  () => "prepare sp as select n from kept order by n",
  () => "execute sp",
  () => "deallocate sp",
  () => "deallocate all",
  () => "discard all",
  () => "declare c cursor for select n from kept order by n",
  () => "fetch 2 from c",
  () => "close c",
  () => "copy kept to stdout",
  () => "listen ch",
  () => "unlisten *",
  (random) => `notify ch, '${random.below(9)}'`,
  (random) => `set application_name to 'app${random.below(3)}'`,
];

/** These only a server can. */
const REAL: readonly ((random: Random) => string)[] = [
  () => "select 1/0",
  (random) => `do $$ begin raise notice 'heard ${random.below(9)}'; end $$`,
  () => "select generate_series(1, 4)",
  () => "select n from hidden",
  () => "insert into hidden values (1)",
  () => "select n from kept order by n for update",
  () => "update kept set n = n + 10 where n = 2 returning n",
  () => "merge into kept using (select 4 as m) as x on n = m when not matched then insert values (m)",
  () => "with gone as (delete from kept where n = 3 returning n) select n from gone",
  () => "set search_path to other, public",
  () => "set local search_path to other, public",
  () => "reset search_path",
  () => "select set_config('search_path', 'other', false)",
  () => "select set_config('search_path', 'other', true)",
  () => "set local statement_timeout to 0",
  () => "prepare sp as insert into kept values (8)",
  () => "prepare sp as select n from hidden",
  () => "declare c scroll cursor with hold for select n from kept order by n",
  () => "declare c cursor for select n from hidden",
  () => "fetch backward 1 from c",
  () => "fetch all from c",
  () => "move 1 in c",
  () => "close all",
  () => "discard plans",
  () => "create table if not exists made (n int)",
  () => "insert into made values (1) returning n",
  () => "drop table if exists made",
  () => "create temp table hidden (n int)",
  () => "drop table pg_temp.hidden",
  () => "copy (select n from kept order by n) to stdout",
  () => "copy people (n) to stdout (format csv)",
  () => "copy kept to stdout (format binary)",
  () => "set constraints all immediate",
  () => "set transaction isolation level serializable",
  () => "begin isolation level repeatable read",
  () => "begin read only",
  () => "commit and chain",
  () => "rollback and chain",
  () => "explain (costs off) select n from kept",
  () => "lock table kept in share mode",
  () => "truncate kept",
  () => "do $$ begin perform 1 / 0; exception when division_by_zero then raise warning 'caught'; end $$",
  () => "do $$ begin insert into kept values (9); end $$",
  () => "select n from kept where n = any (array[1, 2]) order by n",
];

export const COPY_IN = "copy kept from stdin";
/** Words by which a turn refuses. */
const WORDS = [
  "insert",
  "people",
  "delete",
  "hidden",
  "copy",
  "notify",
  "declare",
  "kept order",
  "do $$",
  "prepare",
];

export const modelledText = (random: Random): string => random.pick(MODELLED)(random);
export const realText = (random: Random): string =>
  random.once(3) ? random.pick(REAL)(random) : modelledText(random);

export const refusedWords = (random: Random): string[] =>
  random.once(3) ? [] : random.many(2, () => random.pick(WORDS));

export const isRefusedBy = (words: readonly string[], text: string): boolean =>
  words.some((word) => text.includes(word));
