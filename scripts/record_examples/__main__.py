"""Start a stack of its own, play the story, write `contracts/http/*.json`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from contracts.http_examples import FOLDER, Examples, file_of, written
from scripts.record_examples.cast import assemble
from scripts.record_examples.plain import Plain
from scripts.record_examples.story import play
from tenantry.stack.stack import Stack


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


async def record(folder: Path) -> dict[str, Examples]:
    """Service → its examples, made plain."""
    stack = Stack(folder / "data", say)
    await stack.start()
    try:
        async with assemble(stack, folder / "desktop") as cast:
            say("playing the story")
            await play(cast)
            plain = Plain(cast.made_up, cast.began)
            return {service: plain.examples(kept) for service, kept in cast.recorder.kept.items()}
    finally:
        await stack.stop()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tenantry-examples-") as folder:
        Path(folder).chmod(0o755)  # an unprivileged PostgreSQL walks to its data
        recorded = asyncio.run(record(Path(folder)))
    FOLDER.mkdir(exist_ok=True)
    for service, examples in recorded.items():
        file_of(service).write_text(written(examples), "utf-8")
        say(f"{service}: {len(examples)} operations")


if __name__ == "__main__":
    main()
