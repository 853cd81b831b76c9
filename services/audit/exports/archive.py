"""The ZIP: members are written one after the other, each with its SHA-256, in flat memory (ZIP64 where it is large)."""

import contextlib
import zipfile
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

BLOCK = 1 << 20
LEVEL = 6


class Member:
    """One file of the archive while it is written."""

    def __init__(self, file: object) -> None:
        self._file = file
        self._hash = sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)  # type: ignore[attr-defined]  # what `ZipFile.open(…, "w")` gives has no name of its own
        self._hash.update(data)
        self.bytes += len(data)

    def told(self) -> dict[str, int | str]:
        """As the manifest lists it."""
        return {"bytes": self.bytes, "sha256": self._hash.hexdigest()}


class Archive:
    """Knows of every member its size and hash; whoever opens it closes it."""

    def __init__(self, path: Path, at: datetime) -> None:
        self.members: dict[str, dict[str, int | str]] = {}
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
        self._date = at.timetuple()[:6]

    @contextlib.contextmanager
    def member(self, name: str) -> Iterator[Member]:
        """One at a time."""
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        with self._zip.open(info, "w", force_zip64=True) as file:
            member = Member(file)
            yield member
        self.members[name] = member.told()

    def add(self, name: str, data: bytes) -> None:
        with self.member(name) as member:
            member.write(data)

    def add_file(self, name: str, path: Path) -> None:
        """A file of the workplace, which is gone after this."""
        with self.member(name) as member, path.open("rb") as source:
            while block := source.read(BLOCK):
                member.write(block)
        path.unlink()

    def close(self) -> None:
        self._zip.close()
