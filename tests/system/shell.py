"""Runs commands against an installation: the whole command line, in this process, whose start it saves."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tenantry.cli import app

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
        """In a thread, for commands run loops of their own."""
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(CliRunner().invoke, app, arguments, answers, self._environment)
            done = running.result(LONGEST_SECONDS)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 1, done.stdout
        return " ".join(done.stderr.split())
