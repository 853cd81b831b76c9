"""The main job on a real stack: twice on one data folder, with a kill -9 of everything in between."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.ports import environment_of

CHECKOUT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(300)


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = environment_of(folder)
    return subprocess.run(
        [sys.executable, "-m", "tenantry", "demo"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_the_demo_holds_and_holds_again_after_a_kill_of_everything(tmp_path: Path) -> None:
    first = demo(tmp_path / "data")
    assert first.returncode == 0, first.stdout + first.stderr
    kill_in_the_middle(tmp_path / "data")
    second = demo(tmp_path / "data")
    assert second.returncode == 0, second.stdout + second.stderr
    assert running_below(tmp_path / "data") == []


def kill_in_the_middle(folder: Path) -> None:
    """Bring the stack up and end every process of it as a power cut would."""
    environment = environment_of(folder)
    with subprocess.Popen(
        [sys.executable, "-m", "tenantry", "up"],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert any("everything is up" in line for line in process.stdout)
        for child in psutil.Process(process.pid).children(recursive=True):
            child.send_signal(signal.SIGKILL)
        process.kill()


def running_below(folder: Path) -> list[str]:
    """Processes that still mention the data folder."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or [])
    ]
