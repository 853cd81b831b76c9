"""Where finished exports lie. A folder is the first of the stores; one for objects answers with its own signed address."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Protocol
from uuid import UUID

from chassis.downloads import Download


class ExportFiles(Protocol):
    """What an export store can do. What is not put is not there: there are no half files."""

    def workplace(self, export_id: UUID) -> Path:
        """An empty folder to write in, on the disk of this process. Those of earlier writers of this export are gone."""
        ...

    def clear(self, export_id: UUID) -> None:
        """What writers of this export have left in their workplaces goes."""
        ...

    def put(self, key: str, path: Path) -> None:
        """Take the file over, durably and at once; the workplace is gone after this."""
        ...

    def remove(self, key: str) -> None:
        """Nothing to remove is no error."""
        ...

    def answer(self, key: str, name: str) -> Download | None:
        """The file as an answer to a request, `name` being what to save it as; None when it is not there."""
        ...


def key_of(tenant_id: UUID, export_id: UUID, sha256: bytes) -> str:
    """The hash is part of the name: a writer that was thought dead cannot put its file in place of another's."""
    return f"{tenant_id}/{export_id}-{sha256.hex()[:16]}.zip"


class ExportFolder:
    """One file per export; `work/` is for those that are being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def workplace(self, export_id: UUID) -> Path:
        work = self._folder / "work"
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.clear(export_id)
        return Path(tempfile.mkdtemp(prefix=f"{export_id}-", dir=work))

    def clear(self, export_id: UUID) -> None:
        for left in (self._folder / "work").glob(f"{export_id}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def put(self, key: str, path: Path) -> None:
        target = self._folder / key
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync(path)
        path.replace(target)
        sync(target.parent)
        shutil.rmtree(path.parent, ignore_errors=True)

    def remove(self, key: str) -> None:
        (self._folder / key).unlink(missing_ok=True)

    def answer(self, key: str, name: str) -> Download | None:
        path = self._folder / key
        return Download(path, name, "application/zip") if path.is_file() else None


def sync(path: Path) -> None:
    """To the disk, as far as the system promises; a folder keeps the names in it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
