"""Runs commands against an installation."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tenantry.cli import app

CHECKOUT = Path(__file__).parents[1]
LONGEST_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


class Shell:
    """One installation, by its data folder."""

    def __init__(self, folder: Path) -> None:
        self._environment = {"TENANTRY_DATA_DIR": str(folder), "COLUMNS": "200"}

    def run(self, *arguments: str, answers: str = "") -> Done:
        """The whole command line in this process, which saves a start; in a thread, for commands run loops of their own."""
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(CliRunner().invoke, app, arguments, answers, self._environment)
            done = running.result(LONGEST_SECONDS)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    def process(self, *arguments: str) -> Done:
        """In a process, as a user would."""
        done = subprocess.run(
            [sys.executable, "-m", "tenantry", *arguments],
            cwd=CHECKOUT,
            env={"PATH": os.environ["PATH"], **self._environment},
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 1, done.stdout
        return " ".join(done.stderr.split())
