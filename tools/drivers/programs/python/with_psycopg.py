"""psycopg 3, unchanged."""

import psycopg_asking  # noqa: F401 -- each brings its features
import psycopg_connecting  # noqa: F401
import psycopg_moving  # noqa: F401
import psycopg_ending  # noqa: F401
from psycopg_base import program

program.run()
