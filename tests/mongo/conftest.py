"""A server that speaks MongoDB's protocol: the one that TENANTRY_TEST_MONGO names, else FerretDB on SQLite."""

import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import PyMongoError

from scripts import ferretdb
from services.audit.records.search.mongo import MongoSearch
from tests.infra import eventually
from tests.integration.audit.conftest import log
from tests.ports import free_port

__all__ = ["log"]


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL, without a database."""
    given = os.environ.get("TENANTRY_TEST_MONGO")
    if given:
        yield given.rstrip("/")
        return
    try:
        program = ferretdb.built()
    except FileNotFoundError as error:
        pytest.skip(f"FerretDB cannot be built: {error}; name a MongoDB in TENANTRY_TEST_MONGO")
    folder, port = tmp_path_factory.mktemp("ferretdb"), free_port()
    command = [
        str(program),
        "--handler=sqlite",
        f"--sqlite-url=file:{folder}/",
        f"--state-dir={folder}",
        f"--listen-addr=127.0.0.1:{port}",
        "--debug-addr=-",
        "--telemetry=disable",
        "--log-level=ERROR",
    ]
    with (
        Path(folder / "log").open("wb") as said,
        subprocess.Popen(command, stdout=said, stderr=said) as server,
    ):
        try:
            yield f"mongodb://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.fixture
async def mongo_url(mongo_server: str) -> AsyncIterator[str]:
    """A database of the test's own; dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(mongo_server, serverSelectionTimeoutMS=500)

    async def answers() -> bool:
        try:
            await client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    await eventually(answers, limit=30, what="the MongoDB server")
    yield f"{mongo_server}/{name}"
    await client.drop_database(name)
    await client.close()


@pytest.fixture
async def store(mongo_url: str) -> AsyncIterator[MongoSearch]:
    """An empty store."""
    made = MongoSearch(mongo_url)
    await made.prepare()
    yield made
    await made.close()


@pytest.fixture
def intruder(mongo_url: str) -> Iterator[MongoClient[dict[str, object]]]:
    """Somebody who can write into the store beside us."""
    client: MongoClient[dict[str, object]] = MongoClient(mongo_url)
    with client:
        yield client
