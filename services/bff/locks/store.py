"""The named queries of lock actions."""

from pathlib import Path
from typing import Any

from chassis.db import load_queries

queries: Any = load_queries(Path(__file__).with_name("queries.sql"))
