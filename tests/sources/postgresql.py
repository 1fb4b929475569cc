"""What the tests of the PostgreSQL source read."""

from __future__ import annotations

from typing import Any

from headrace.model import Secret
from headrace.testing.postgres import PostgresServer

SCHEMA = """
create type mood as enum ('glad', 'sad');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
create extension citext;
create extension hstore;
create sequence numbers;
create table people (id bigint primary key, name text);
insert into people select i, 'name ' || i from generate_series(1, 10) as i;
create function insert_one() returns int language sql as 'insert into people values (99, ''x'') returning 1';
create role reader login password 'reader';
grant usage on schema public to reader;
grant select on all tables in schema public to reader;
"""


def settings_for(server: PostgresServer, **settings: Any) -> dict[str, Any]:
    return {
        "host": server.host,
        "port": server.port,
        "database": "postgres",
        "user": server.user,
        "password": Secret(server.password),
        **settings,
    }
