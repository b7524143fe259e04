"""SQLAlchemy 2, unchanged."""

import sqlalchemy_connecting  # noqa: F401 -- each brings its features
import sqlalchemy_ending  # noqa: F401
import sqlalchemy_working  # noqa: F401
from sqlalchemy_base import program

program.run()
