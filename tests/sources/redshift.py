"""A PostgreSQL database dressed as Redshift: its version, its clock, its types with their own numbers."""

from __future__ import annotations

from headrace.testing.postgres import PostgresServer

DRESS = """
set allow_system_table_mods = on;
create or replace function pg_catalog.version() returns text language sql stable as
  'select ''PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.117891''::text';
create function pg_catalog.getdate() returns timestamp language sql stable as 'select localtimestamp';
do $$
declare
    made pg_catalog.pg_type;
begin
    select * into made from pg_catalog.pg_type where typname = 'text';
    made.typarray := 0;
    made.oid := 4000; made.typname := 'super'; insert into pg_catalog.pg_type values (made.*);
    made.oid := 6551; made.typname := 'varbyte'; insert into pg_catalog.pg_type values (made.*);
    made.oid := 3000; made.typname := 'geometry'; insert into pg_catalog.pg_type values (made.*);
end $$;
"""

THINGS = """
create sequence numbers;
create table people (id bigint primary key, name text);
insert into people select i, 'name ' || i from generate_series(1, 10) as i;
create function insert_one() returns int language sql as 'insert into people values (99, ''x'') returning 1';
"""

USERS = """
create role shopper login password 'shopper';
create role keeper login password 'keeper';
"""

GRANTS = """
grant usage on schema public to shopper, keeper;
grant select on all tables in schema public to shopper, keeper;
grant insert on people to keeper;
"""


def create_redshift(server: PostgresServer, sql: str = "") -> str:
    """A fresh database that answers as Redshift would; its name."""
    return server.create_database(f"{DRESS}{sql}")
