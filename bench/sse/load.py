"""The programs in C, built when they are asked for, and what the load generator and the storm answer."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.sse import cores

HERE = Path(__file__).parent
IN_FLIGHT = 256
MOST_SECONDS = 900.0


def build(folder: Path) -> None:
    """`load`, `raw` and `storm` into the folder. Raises SystemExit without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit(
            "bench.sse: no C compiler (cc) here, and a generator in Python would be the bottleneck"
        )
    for name in ("load", "raw", "storm"):
        files = ["-o", str(folder / name), str(HERE / f"{name}.c")]
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", *files], check=True)


@dataclass(frozen=True, slots=True)
class Attached:
    """How many connections a server took, and how fast."""

    count: int
    refused: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds


@dataclass(frozen=True, slots=True)
class Measured:
    """What arrived in one measure. Delays run from the publication to the receipt, over all connections."""

    deliveries: int
    seconds: float
    events: int
    lost: int
    """Connections that the server ended."""
    p50_ms: float
    p99_ms: float
    load_share: float
    """Of the generator's cores, which it used."""

    @property
    def rate(self) -> float:
        return self.deliveries / self.seconds


class Generator:
    """A running `load`; made by `attach`."""

    def __init__(self, process: asyncio.subprocess.Process, attached: Attached) -> None:
        self._process = process
        self.attached = attached

    @classmethod
    async def attach(
        cls,
        folder: Path,
        heads: Sequence[bytes],
        event: bytes,
        streams: Sequence[int],
        publish: Sequence[int],
    ) -> "Generator":
        """Open one stream per head; `streams` and `publish` are ports. Raises RuntimeError unless all are taken."""
        (folder / "heads").write_bytes(b"".join(head + b"\0" for head in heads))
        (folder / "event").write_bytes(event)
        with cores.on(cores.GENERATOR):
            process = await asyncio.create_subprocess_exec(
                folder / "load", folder / "heads", folder / "event", str(len(heads)), str(IN_FLIGHT),
                ",".join(map(str, streams)), ",".join(map(str, publish)), str(len(cores.GENERATOR)),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
        told = await _answer(process)
        attached = Attached(told["attached"], told["refused"], told["seconds"])
        if attached.count != len(heads):
            process.kill()
            await process.wait()
            raise RuntimeError(f"{attached.count} of {len(heads)} streams were opened")
        return cls(process, attached)

    async def closed(self, window: int, seconds: float, least: int = 0) -> Measured:
        """At most `window` events under way; for `seconds`, and until `least` events have arrived everywhere."""
        return await self._measure(f"closed {window} {seconds} {least}")

    async def open(self, rate: float, seconds: float) -> Measured:
        """`rate` events a second, whatever arrives."""
        return await self._measure(f"open {rate} {seconds}")

    async def stall(self) -> None:
        """From now on nothing is read, and no connection is given up."""
        await self._command("stall")

    async def end(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def _measure(self, command: str) -> Measured:
        told = await self._command(command)
        share = told.pop("cpu") / told["seconds"] / len(cores.GENERATOR)
        return Measured(**told, load_share=share)

    async def _command(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        self._process.stdin.write(f"{command}\n".encode())
        return await _answer(self._process)


@dataclass(frozen=True, slots=True)
class Stormed:
    """What became of callers who did not wait for each other."""

    started: int
    admitted: int
    refused: int
    """By a 503."""
    honest: int
    """Of these, with `Retry-After`."""
    broken: int
    """The connection ended without an answer."""
    unanswered: int
    """Five seconds after the last one had come."""
    seconds: float
    p99_ms: float
    """From the connection to the refusal."""
    cpu: float


async def storm(folder: Path, head: bytes, first: int, port: int, rate: float, seconds: float) -> Stormed:
    """`rate` callers a second; the twenty `@` of `head` become the caller's number, from `first` on."""
    (folder / "storm-head").write_bytes(head)
    with cores.on(cores.GENERATOR):
        process = await asyncio.create_subprocess_exec(
            folder / "storm", str(port), folder / "storm-head", str(first), str(rate), str(seconds),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
    told = await _answer(process)
    await process.wait()
    return Stormed(**told)


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    async with asyncio.timeout(MOST_SECONDS):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the load generator ended with {await process.wait()}")
    told: dict[str, Any] = json.loads(line)
    return told
