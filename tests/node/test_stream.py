"""The stream as two packages of npm read it: `eventsource`, and `eventsource-parser` alone."""

import asyncio
import shutil
from pathlib import Path

import orjson
import pytest

from tests.streams.frames import TYPES, Told
from tests.streams.playback import Playback, job_of
from tests.streams.suite import Client, Suite

pytestmark = pytest.mark.node
HERE = Path(__file__).parent


class NodeClient:
    """`stream.mjs` with one of the packages."""

    def __init__(self, package: str) -> None:
        self._package = package

    async def follow(self, _: Playback, urls: list[str]) -> list[list[Told]]:
        node = shutil.which("node")
        assert node is not None, "Node is not installed; run `make test-node`"
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            node, "stream.mjs", self._package, cwd=HERE, stdin=pipe, stdout=pipe, stderr=pipe
        )
        told, trouble = await process.communicate(job_of(urls, TYPES))
        assert process.returncode == 0, trouble.decode()
        return [[(type_, data, id_) for type_, data, id_ in one] for one in orjson.loads(told)]


class TestEventsource(Suite):
    @pytest.fixture
    def client(self) -> Client:
        return NodeClient("eventsource")


class TestEventsourceParser(Suite):
    @pytest.fixture
    def client(self) -> Client:
        return NodeClient("eventsource-parser")
