"""Child processes that never outlive us: killed with their parent, remembered on disk in case even that fails."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tenantry.stack.errors import StackError

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 25.0
GONE_SECONDS = 5.0


def die_with_parent(number: int) -> Callable[[], None]:
    """To be called in the child: the kernel sends it `number` when its parent ends, however that ends (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)

    return ask


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, how to stop it, and as whom (`user` only where we are root)."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    user: int | None = None


class Child:
    """One running command; its output goes to its log."""

    def __init__(self, command: Command) -> None:
        self.command = command
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as log:
            self.process = start(command, log)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """As a power cut would: no chance to say goodbye."""
        self.process.kill()
        self.process.wait()

    async def stop(self) -> None:
        """Ask, wait, insist."""
        if self.is_running:
            self.process.send_signal(self.command.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.process.wait, STOP_SECONDS)
        if self.is_running:
            self.kill()

    def last_words(self, lines: int = 12) -> str:
        """The end of its log, for an error message."""
        text = self.command.log.read_text("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def start(command: Command, log: IO[bytes]) -> subprocess.Popen[bytes]:
    who = {} if command.user is None else {"user": command.user, "group": command.user, "extra_groups": []}
    # The signal with which a child is ended when we die is the hard one: what it acknowledged is on the disk.
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        command.arguments,
        env=dict(command.environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=die_with_parent(
            signal.SIGKILL if command.stop_signal is signal.SIGTERM else signal.SIGQUIT
        ),
        **who,
    )


class Orphans:
    """Remembers children by pid and start time, so that those of a killed instance are ended and nobody else is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def remember(self, children: Sequence[Child]) -> None:
        rows = {
            child.command.name: [child.pid, started_at(child.pid)] for child in children if child.is_running
        }
        self._path.write_text(json.dumps(rows))

    def end_all(self) -> list[str]:
        """Names of what was still running from before, now killed."""
        if not self._path.exists():
            return []
        ended = []
        for name, (pid, started) in json.loads(self._path.read_text()).items():
            if started is not None and started_at(pid) == started:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    ended.append(name)
                    wait_gone(pid)
        self._path.unlink()
        return ended


def is_alive(pid: int) -> bool:
    """False for no process and for one that ended and waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_gone(pid: int) -> None:
    """Until a killed process holds nothing any more."""
    deadline = time.monotonic() + GONE_SECONDS
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)


def started_at(pid: int) -> int | None:
    """Start time in clock ticks since boot (proc(5), field 22); None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def python() -> str:
    """The interpreter that runs us runs our children."""
    if not sys.executable:
        raise StackError("the Python interpreter does not know where it is; start it by its full path")
    return sys.executable
