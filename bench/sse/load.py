"""The load generator and the bare loop, built from C when they are asked for, and the generator's answers."""

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
    """`load` and `raw` into the folder. Raises SystemExit without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit(
            "bench.sse: no C compiler (cc) here, and a generator in Python would be the bottleneck"
        )
    for name in ("load", "raw"):
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

    async def end(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def _measure(self, command: str) -> Measured:
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        self._process.stdin.write(f"{command}\n".encode())
        told = await _answer(self._process)
        share = told.pop("cpu") / told["seconds"] / len(cores.GENERATOR)
        return Measured(**told, load_share=share)


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    async with asyncio.timeout(MOST_SECONDS):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the load generator ended with {await process.wait()}")
    told: dict[str, Any] = json.loads(line)
    return told
