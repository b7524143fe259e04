"""asyncpg, unchanged."""

import asyncpg_connecting  # noqa: F401 -- each brings its features
import asyncpg_ending  # noqa: F401
import asyncpg_working  # noqa: F401
from asyncpg_base import program

program.run()
