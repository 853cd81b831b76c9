"""Programs of Debian without installing them: fetched by apt with all that is missing for them, and unpacked."""

import os
import shutil
import subprocess
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "debian"


class NotToBeHad(Exception):
    """This machine has no apt, or apt does not know the packages; the message says what it said."""


def unpacked(*packages: str) -> Path:
    """The folder in which the packages lie as they would under `/`. Fetched once. Raises NotToBeHad."""
    folder = CACHE / "+".join(packages)
    root = folder / "root"
    if not root.is_dir():
        archives = _fetched(folder, packages)
        half = folder / "half"
        shutil.rmtree(half, ignore_errors=True)
        for archive in archives:
            _run("dpkg-deb", "--extract", str(archive), str(half))
            archive.unlink()
        half.rename(root)
    return root


def environment(root: Path) -> dict[str, str]:
    """The environment in which a program from there finds its libraries."""
    folders = {str(library.parent) for library in root.glob("**/*-linux-gnu*/**/*.so*")}
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(sorted(folders))}


def _fetched(folder: Path, packages: tuple[str, ...]) -> list[Path]:
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    _run(
        "apt-get", "install", "--yes", "--reinstall", "--download-only", "--no-install-recommends",
        "-o", f"Dir::Cache::archives={archives}", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=", *packages,
    )  # fmt: skip
    return sorted(archives.glob("*.deb"))


def _run(program: str, *arguments: str) -> None:
    if shutil.which(program) is None:
        raise NotToBeHad(f"there is no {program} here")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if done.returncode != 0:
        raise NotToBeHad(f"{program}: {(done.stderr or done.stdout).strip()}")
