-- What the drivers read and write, in a server of the test's own.
create table people (
  id int primary key, name text not null, email text not null, balance numeric(10, 2) not null,
  joined timestamptz not null, born date, active boolean not null, profile jsonb not null, raw bytea not null,
  tags text[] not null
);
insert into people
select i, 'person ' || i, 'person' || i || '@example.com', i * 1.25, '2026-01-01 00:00:00+00'::timestamptz + i * interval '1 hour',
       case when i % 7 = 0 then null else date '1980-01-01' + i end, i % 2 = 0,
       jsonb_build_object('n', i, 'even', i % 2 = 0), decode(lpad(to_hex(i), 8, '0'), 'hex'), array['t' || i % 3, 'ü']
from generate_series(1, 2000) i;
create table notes (driver text not null, n int not null, body text, primary key (driver, n));
create table secrets (id int primary key, value text not null);
insert into secrets values (1, 'nobody reads this');
