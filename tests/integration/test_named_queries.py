"""Every named query of every file fits the migrated schema."""

from pathlib import Path

import asyncpg
import pytest

from chassis.db import load_queries
from contracts.subjects import SERVICES

CHECKOUT = Path(__file__).parents[2]
FILES = sorted([*CHECKOUT.glob("services/*/**/*.sql"), *CHECKOUT.glob("chassis/*.sql")])
QUERIES = [file for file in FILES if file.parent.name != "migrations"]


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: str(file.relative_to(CHECKOUT)))
async def test_it_can_be_prepared(file: Path, admin: asyncpg.Connection) -> None:
    found = file.relative_to(CHECKOUT).parts
    schemas = [found[1]] if found[0] == "services" else list(SERVICES)
    loaded = load_queries(file)
    names = [name for name in loaded.available_queries if not name.endswith("_cursor")]
    assert names
    for schema in schemas:
        await admin.execute(f"set search_path = {schema}")
        for name in names:
            try:
                await admin.prepare(getattr(loaded, name).sql)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{schema}: {name}: {error}")
