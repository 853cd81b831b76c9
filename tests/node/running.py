"""Runs a script of this folder in Node."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def told_by(script: str, *arguments: Path, given: str = "") -> Any:
    """What the script prints. `make test-node` puts Node on the path and installs the packages."""
    node = shutil.which("node")
    assert node is not None, "Node is not installed; run `make test-node`"
    done = subprocess.run(
        [node, script, *arguments],
        cwd=HERE,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def told_by_async(script: str, *arguments: Path, given: str = "") -> Any:
    """The same, while the loop goes on answering the script."""
    return await asyncio.to_thread(told_by, script, *arguments, given=given)
