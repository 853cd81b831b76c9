"""Runs commands against an installation."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[1]


class Shell:
    """One installation, by its data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, *arguments: str, answers: str = "") -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "TENANTRY_DATA_DIR": str(self._folder), "COLUMNS": "200"}
        command = [sys.executable, "-m", "tenantry", *arguments]
        return subprocess.run(
            command,
            cwd=CHECKOUT,
            env=environment,
            input=answers,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 1, done.stdout
        return " ".join(done.stderr.split())
