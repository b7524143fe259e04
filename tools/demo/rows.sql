-- A small shop, the same every time: 1,200 customers, 4,000 orders, some 10,000 items.
create table customers (
  id int primary key,
  name text not null,
  email text not null,
  country text not null,
  since date not null
);
create table orders (
  id int primary key,
  customer_id int not null references customers,
  placed_at timestamptz not null,
  status text not null
);
create table order_items (
  order_id int not null references orders,
  line int not null,
  product text not null,
  quantity int not null,
  unit_price numeric(8, 2) not null,
  primary key (order_id, line)
);

-- A number below `limit` that looks drawn and is computed.
create function pg_temp.draw(what text, limit_ int) returns int language sql immutable as
$$ select (('x' || substr(md5(what), 1, 7))::bit(28)::int) % limit_ $$;

insert into customers
select i, first || ' ' || last,
       lower(translate(first || '.' || last, 'éüøíç', 'euoic')) || i || '@' ||
         (array['example.com', 'example.net', 'example.org'])[1 + pg_temp.draw('host' || i, 3)],
       (array['AT', 'BR', 'CA', 'DE', 'ES', 'FR', 'GB', 'IN', 'JP', 'KE', 'NL', 'NO', 'PL', 'US'])[1 + pg_temp.draw('country' || i, 14)],
       date '2019-01-01' + pg_temp.draw('since' || i, 2500)
from generate_series(1, 1200) i,
     lateral (select (array['Ada', 'Amara', 'Björn', 'Chen', 'Dalia', 'Elif', 'Farid', 'Grace', 'Hugo', 'Inés', 'Jonas', 'Kemi', 'Lena',
                            'Mateo', 'Nadia', 'Olga', 'Priya', 'Quentin', 'Rosa', 'Søren', 'Tomas', 'Uma', 'Viktor', 'Yuki'])
                     [1 + pg_temp.draw('first' || i, 24)] as first,
                     (array['Adeyemi', 'Becker', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'García', 'Haddad', 'Ito', 'Jensen', 'Kaur',
                            'Lopez', 'Meyer', 'Novak', 'Okafor', 'Petrov', 'Rossi', 'Schmidt', 'Tanaka', 'Vogel', 'Wang', 'Yilmaz'])
                     [1 + pg_temp.draw('last' || i, 22)] as last) names;

insert into orders
select i, 1 + pg_temp.draw('customer' || i, 1200),
       timestamptz '2026-01-01 08:00:00+00' + (i * 113 + pg_temp.draw('minute' || i, 90)) * interval '1 minute',
       (array['paid', 'paid', 'paid', 'shipped', 'shipped', 'shipped', 'shipped', 'returned', 'open'])[1 + pg_temp.draw('status' || i, 9)]
from generate_series(1, 4000) i;

insert into order_items
select o.id, line, product,
       1 + pg_temp.draw('quantity' || o.id || line, 4),
       5 + pg_temp.draw('price' || product, 12000) / 100.0
from orders o,
     lateral generate_series(1, 1 + pg_temp.draw('lines' || o.id, 4)) line,
     lateral (select (array['notebook', 'fountain pen', 'ink, blue', 'ink, black', 'desk lamp', 'tea pot', 'cup', 'backpack', 'rain coat',
                            'wool scarf', 'headphones', 'keyboard', 'bicycle bell', 'water bottle', 'field guide', 'chess set'])
                     [1 + pg_temp.draw('product' || o.id || line, 16)] as product) items;

-- What agents may do at most. It owns the tables, so that nothing but the gateway stands between an agent and DROP TABLE.
create role shop_agent nologin;
alter table customers owner to shop_agent;
alter table orders owner to shop_agent;
alter table order_items owner to shop_agent;
analyze;
