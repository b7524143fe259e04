-- The database that the cases in test/statements/cases talk about. The oracle creates it on a real server and runs every
-- case that is judged to do nothing but read; sessions start with search_path = public.
create schema audit;
create schema app;

create table public.orders (
  id bigint primary key,
  customer_id bigint not null,
  status text not null default 'open',
  total numeric(12, 2) not null default 0,
  note text,
  placed_at timestamptz not null default now(),
  tags text[] not null default '{}',
  details jsonb not null default '{}'
);
create table public.customers (
  id bigint primary key,
  name text not null,
  email text not null,
  parent_id bigint
);
create table public.secrets (id bigint primary key, name text not null, value text not null);
create table public.staging (id bigint, status text, total numeric(12, 2));
create table audit.events (id bigint primary key, at timestamptz not null default now(), actor text, body text);
create table audit.orders (id bigint primary key, reason text);
create table app.settings (key text primary key, value text);

create view public.order_totals as
  select c.id, c.name, sum(o.total) as total
  from public.customers c join public.orders o on o.customer_id = c.id
  group by c.id, c.name;
create view public.secret_names as select id, name from public.secrets;

create table public.measures (day date not null, reading double precision) partition by range (day);
create table public.measures_2026 partition of public.measures for values from ('2026-01-01') to ('2027-01-01');
create table public.measures_2027 partition of public.measures for values from ('2027-01-01') to ('2028-01-01');

create table public.people (id bigint, name text);
create table public.staff (salary numeric) inherits (public.people);

create type public.mood as enum ('calm', 'cross');
create domain public.positive as integer check (value > 0);
create sequence public.order_numbers;

-- Reads what its caller may not name: the reason why a function is unknown code until someone vouches for it.
create function public.leak() returns setof public.secrets language sql as 'select * from public.secrets';
create function public.leak(row_of public.orders) returns text language sql
  as 'select value from public.secrets where id = row_of.id';
create function public.touch_customer(bigint) returns bigint language sql
  as 'update public.customers set name = name where id = $1 returning id';
create procedure public.purge() language sql as 'delete from public.orders';
-- A better match than pg_catalog's for character varying, so that the plain name runs this one.
create function public.lower(varchar) returns text language sql as 'select value from public.secrets limit 1';
create function public.same(text, text) returns boolean language sql as 'select exists (select from public.secrets)';
create operator public.=== (leftarg = text, rightarg = text, function = public.same);

insert into public.customers select n, 'customer ' || n, 'c' || n || '@example.com', nullif(n - 1, 0) from generate_series(1, 5) n;
insert into public.orders (id, customer_id) select n, 1 + n % 5 from generate_series(1, 20) n;
insert into public.secrets values (1, 'door', 'opensesame');
