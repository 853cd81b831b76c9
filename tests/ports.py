"""Ports for the servers of tests: no two test processes of a machine are ever given the same one."""

import itertools
import json
import os
import socket
from pathlib import Path

from tenantry.stack.folder import PORTS, SERVER_PORTS

BLOCK = 500


class Block:
    """A block of ports that this process alone gives out, in turn: one is given again only after all others.

    Asking the system alone would not do: between the asking and the server's start another test may start one there.
    """

    def __init__(self) -> None:
        for first in range(SERVER_PORTS.start, SERVER_PORTS.stop - BLOCK + 1, BLOCK):
            self._claim = socket.socket(socket.AF_UNIX)
            try:
                self._claim.bind(f"\0tenantry-test-ports-{first}")  # abstract: it ends with the process
            except OSError:
                self._claim.close()
                continue
            self._turn = itertools.cycle(range(first, first + BLOCK))
            self.process = os.getpid()
            return
        raise OSError("every block of test ports is taken by another test process")

    def next_free(self) -> int:
        for port in itertools.islice(self._turn, BLOCK):
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
        raise OSError(f"all {BLOCK} ports of this test process are in use")


_block: Block | None = None


def free_port() -> int:
    """A port that nobody uses, and that is given to nobody else."""
    global _block  # noqa: PLW0603  # one per process; a fork takes its own
    if _block is None or _block.process != os.getpid():
        _block = Block()
    return _block.next_free()


def environment_of(folder: Path) -> dict[str, str]:
    """Of the command line for an installation in `folder`, whose ports are of this process."""
    kept = folder / "ports.json"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({name: free_port() for name in PORTS}))
    return {"PATH": os.environ["PATH"], "TENANTRY_DATA_DIR": str(folder), "COLUMNS": "200"}
