-- Calls stock functions with arguments that point at a table which is locked by someone else and at a domain whose CHECK
-- function raises: whoever touches either is caught. test/oracle/stock-functions.test.ts runs it.
create table public.guarded (id integer, value text);
create view public.guarded_view as select value from public.guarded;
create sequence public.guarded_sequence;
create type public.colour as enum ('red', 'blue');
create function public.trip() returns boolean language plpgsql as
  $$ begin raise exception 'code of a user ran' using errcode = 'TRIP0'; end $$;
create domain public.tripwire as integer check (public.trip());

-- What a call did that no harmless function does; 'error' when it did not come to an end, null when all is well.
create function public.probe(call text) returns text language plpgsql as $$
declare
  finding text;
begin
  begin
    execute call;
    select string_agg(relation::regclass::text, ' ') into finding from pg_catalog.pg_locks
    where pid = pg_backend_pid() and locktype = 'relation' and relation not in ('pg_locks'::regclass, 'pg_class'::regclass);
    finding := case when finding is not null then 'locks ' || finding
                    when pg_current_xact_id_if_assigned() is not null then 'writes' end;
    raise exception using errcode = 'PROBE', message = coalesce(finding, '');
  exception
    when sqlstate 'PROBE' then return nullif(sqlerrm, '');
    when sqlstate 'TRIP0' then return 'runs code';
    when lock_not_available then return 'waits for a lock';
    when others then return 'error';
  end;
end $$;
