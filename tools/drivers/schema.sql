-- What the drivers read and write, in databases of the run's own.
create table people (
  id int primary key, name text not null, balance numeric(10, 2) not null, joined timestamptz not null, born date,
  active boolean not null, profile jsonb not null, raw bytea not null, tags text[] not null, key uuid not null,
  span int4range not null, score float8 not null
);
insert into people
select i, 'person ' || i, i * 1.25, '2026-01-01 00:00:00+00'::timestamptz + i * interval '1 hour',
       case when i % 7 = 0 then null else date '1980-01-01' + i end, i % 2 = 0,
       jsonb_build_object('n', i, 'even', i % 2 = 0), decode(lpad(to_hex(i), 8, '0'), 'hex'), array['t' || i % 3, 'ü'],
       ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, int4range(i, i + 5), i / 8.0
from generate_series(1, 2000) i;
create table notes (driver text not null, n int not null, body text, primary key (driver, n));
create type mood as enum ('calm', 'busy');
create type place as (street text, number int);
create table offices (id int primary key, mood mood not null, place place not null);
insert into offices values (1, 'calm', row('Long Lane', 4)), (2, 'busy', row('Ash "Row"', 12));
create table authors (id int generated always as identity primary key, driver text not null, name text not null);
create table books (
  id int generated always as identity primary key, author_id int not null references authors (id) on delete cascade,
  title text not null, pages int check (pages > 0)
);
create index books_by_title on books (title);
