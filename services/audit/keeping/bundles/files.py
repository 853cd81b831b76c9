"""Where sealed bundles lie: a folder first; an object store with a lock on its objects has the same three verbs."""

import os
from pathlib import Path
from typing import Protocol

from services.audit.exports.files import sync
from services.audit.keeping.errors import BundleDamaged


class BundleFiles(Protocol):
    """Files that are written once and never changed."""

    def put(self, key: str, path: Path) -> None:
        """Take over a file of `workplace()`, durably and at once."""
        ...

    def workplace(self, key: str) -> Path:
        """A path to write the file of `key` at; what an earlier writer left there is gone."""
        ...

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Raises BundleDamaged for what is not there."""
        ...

    def remove(self, key: str) -> None:
        """Nothing to remove is no error."""
        ...


class BundleFolder:
    """One file per bundle, not writable once it is there; `work/` is for those that are being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def workplace(self, key: str) -> Path:
        path = self._folder / "work" / key.replace("/", "-")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        return path

    def put(self, key: str, path: Path) -> None:
        target = self._folder / key
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync(path)
        path.chmod(0o444)
        path.replace(target)
        sync(target.parent)

    def read(self, key: str, offset: int, length: int) -> bytes:
        try:
            handle = os.open(self._folder / key, os.O_RDONLY)
        except FileNotFoundError as error:
            raise BundleDamaged(f"the bundle {key} is missing") from error
        try:
            found = os.pread(handle, length, offset)
        finally:
            os.close(handle)
        if len(found) != length:
            raise BundleDamaged(f"the bundle {key} is shorter than it was")
        return found

    def remove(self, key: str) -> None:
        (self._folder / key).unlink(missing_ok=True)
