"""The stream as Chromium's own EventSource reads it, headless, from Debian's package."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from scripts import debian
from tests.streams.frames import TYPES, Told
from tests.streams.playback import Playback, job_of
from tests.streams.suite import Client, Suite

pytestmark = pytest.mark.browser
INSTALLED = ("chromium-headless-shell", "chromium")
UNPACKED = "usr/lib/chromium/chromium-headless-shell"


@pytest.fixture(scope="session")
def chromium() -> tuple[str, dict[str, str]]:
    """The program and its environment: the installed one, else Debian's, unpacked."""
    for name in INSTALLED:
        if (found := shutil.which(name)) is not None:
            return found, dict(os.environ)
    try:
        root = debian.unpacked(INSTALLED[0])
    except debian.NotToBeHad as error:
        pytest.skip(f"no Chromium, and Debian's cannot be fetched: {error}")
    return str(root / UNPACKED), debian.environment(root)


class Chromium:
    """One page that does the jobs of its playback."""

    def __init__(self, program: str, environment: dict[str, str], profile: Path) -> None:
        self._program = program
        self._environment = environment
        self._profile = profile

    async def follow(self, playback: Playback, urls: list[str]) -> list[list[Told]]:
        async with self._open(playback.url("/page")):
            playback.jobs.put_nowait(job_of(urls, TYPES))
            told = await playback.told.get()
        return [[(type_, data, id_) for type_, data, id_ in one] for one in orjson.loads(told)]

    @asynccontextmanager
    async def _open(self, url: str) -> AsyncIterator[None]:
        process = await asyncio.create_subprocess_exec(
            self._program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            f"--user-data-dir={self._profile}", "--remote-debugging-port=0", url,
            env=self._environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield
        finally:
            process.kill()
            await process.wait()


class TestChromium(Suite):
    @pytest.fixture
    def client(self, chromium: tuple[str, dict[str, str]], tmp_path: Path) -> Client:
        return Chromium(*chromium, tmp_path / "profile")
