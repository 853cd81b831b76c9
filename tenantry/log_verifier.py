"""Checks an audit log from its published parts. One file, the standard library only (Python 3.9 or later), and no code
shared with the service that wrote the log.

    python3 verify.py FOLDER [--key 'name+id+key'] [--older CHECKPOINT]

FOLDER is an unpacked export. Formats: RFC 6962 (tree and proofs), RFC 9162 §2.1.3.2 and §2.1.4.2 (verification),
RFC 8032 §5.1 (Ed25519), C2SP signed-note and tlog-checkpoint.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256, sha512
from itertools import zip_longest
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence  # noqa: UP035  # for Python 3.9


class Unverified(Exception):
    """The log does not prove what it claims: where, what kind of difference, and what differs.

    Kinds: `unreadable`, `signature`, `edited`, `missing`, `root`, `proof`, `rolled-back`, `rewritten`, `other-log`,
    `time`.
    """

    def __init__(self, place: str, kind: str, detail: str) -> None:
        super().__init__(f"{place}: {detail} [{kind}]")
        self.place, self.kind = place, kind


@dataclass(frozen=True)
class SignedHead:
    """A checkpoint whose signature was checked."""

    origin: str
    size: int
    root: bytes


@dataclass
class Report:
    """What was proved and what cannot be."""

    proved: list[str] = field(default_factory=list)
    not_proved: list[str] = field(default_factory=list)


# Ed25519 (RFC 8032 §5.1): points in extended coordinates, verification without the cofactor.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def _add(left: Point, right: Point) -> Point:
    a = (left[1] - left[0]) * (right[1] - right[0]) % P
    b = (left[1] + left[0]) * (right[1] + right[0]) % P
    c, d = 2 * left[3] * right[3] * D % P, 2 * left[2] * right[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(factor: int, point: Point) -> Point:
    found = NEUTRAL
    while factor:
        if factor & 1:
            found = _add(found, point)
        point, factor = _add(point, point), factor >> 1
    return found


def _point(encoded: bytes) -> Point | None:
    """RFC 8032 §5.1.3; None for what is no point or not its one encoding."""
    number = int.from_bytes(encoded, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if len(encoded) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = _point(BASE_Y.to_bytes(32, "little")) or NEUTRAL


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature is that of this public key over this message (RFC 8032 §5.1.7)."""
    if len(signature) != 64:
        return False
    public, commitment = _point(key), _point(signature[:32])
    answer = int.from_bytes(signature[32:], "little")
    if public is None or commitment is None or answer >= ORDER:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = _times(answer, BASE), _add(commitment, _times(challenge, public))
    return (
        not (left[0] * right[2] - right[0] * left[2]) % P
        and not (left[1] * right[2] - right[1] * left[2]) % P
    )


# Signed notes and checkpoints (C2SP).


def open_text(note: str, verifier_key: str, place: str = "the checkpoint") -> str:
    """The text of a signed note. `verifier_key` is `<name>+<id>+<base64>`. Raises Unverified."""
    name, key = _public_key(verifier_key)
    body, separator, signatures = note.rpartition("\n\n")
    if not separator:
        raise Unverified(place, "signature", "it is not a signed note: no empty line before its signatures")
    body += "\n"
    identity = sha256(name.encode() + b"\n\x01" + key).digest()[:4]
    for line in signatures.splitlines():
        parts = line.split(" ")
        if len(parts) == 3 and parts[:2] == ["—", name]:
            raw = _base64(parts[2])
            if raw is not None and raw[:4] == identity and is_signed(key, body.encode(), raw[4:]):
                return body
    raise Unverified(place, "signature", f"it carries no valid signature of {name}")


def open_note(note: str, verifier_key: str, place: str = "the checkpoint") -> SignedHead:
    """The head that a signed note states. Raises Unverified."""
    body = open_text(note, verifier_key, place)
    lines = body.splitlines()
    root = _base64(lines[2]) if len(lines) >= 3 else None
    if root is None or len(root) != 32 or not lines[1].isdecimal() or str(int(lines[1])) != lines[1]:
        raise Unverified(place, "unreadable", "its three lines are not origin, size and root")
    return SignedHead(lines[0], int(lines[1]), root)


def _public_key(verifier_key: str) -> tuple[str, bytes]:
    name, _, rest = verifier_key.strip().partition("+")
    identity, _, encoded = rest.partition("+")
    raw = _base64(encoded)
    if (
        raw is None
        or len(raw) != 33
        or raw[0] != 1
        or sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != identity
    ):
        raise Unverified("the verifier key", "unreadable", "it is not <name>+<id>+<base64> of an Ed25519 key")
    return name, raw[1:]


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None


# The tree.


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Growing:
    """MTH (RFC 6962 §2.1) over leaf hashes that come one after another, in memory for one hash per level."""

    def __init__(self) -> None:
        self.size = 0
        self._whole: list[bytes] = []

    def add(self, hash_: bytes) -> None:
        rest = self.size
        while rest & 1:
            hash_, rest = _node(self._whole.pop(), hash_), rest >> 1
        self._whole.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        if not self._whole:
            return sha256(b"").digest()
        head = self._whole[-1]
        for left in reversed(self._whole[:-1]):
            head = _node(left, head)
        return head


def root_of(hashes: Iterable[bytes]) -> bytes:
    """MTH over leaf hashes, computed from nothing else."""
    tree = Growing()
    for hash_ in hashes:
        tree.add(hash_)
    return tree.root()


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that `proof` leads to from `leaf` (RFC 9162 §2.1.3.2). Raises Unverified for a proof of wrong length."""
    if not 0 <= index < size:
        raise Unverified(f"record {index}", "proof", f"it is not in a tree of {size}")
    place, last, head = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Unverified(f"record {index}", "proof", "the inclusion proof is too long")
        if place % 2 or place == last:
            head = _node(sibling, head)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            head = _node(head, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Unverified(f"record {index}", "proof", "the inclusion proof is too short")
    return head


def is_consistent(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `size` leaves only adds to the one of `old` (RFC 9162 §2.1.4.2)."""
    if old == size:
        return not proof and old_root == root
    if not 0 < old < size:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            before, after = _node(sibling, before), _node(sibling, after)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            after = _node(after, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and before == old_root and after == root


def root_from_range(hashes: Sequence[bytes], first: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root of a tree of `size` in which `hashes` are the leaves from `first` on; `proof` holds the hashes of the
    largest parts of the tree beside them, from left to right. Raises Unverified for a proof of wrong length.
    """
    end, beside = first + len(hashes), iter(proof)
    if not 0 <= first < end <= size:
        raise Unverified("the range", "proof", f"leaves {first}…{end} do not lie in a tree of {size}")

    def part(start: int, stop: int) -> bytes:
        if stop <= first or start >= end:
            return next(beside)
        if stop - start == 1:
            return hashes[start - first]
        middle = start + (1 << ((stop - start - 1).bit_length() - 1))
        left = part(start, middle)
        return _node(left, part(middle, stop))

    try:
        root = part(0, size)
    except (StopIteration, RuntimeError) as error:
        raise Unverified("the range", "proof", "its proof is too short") from error
    if next(beside, None) is not None:
        raise Unverified("the range", "proof", "its proof is too long")
    return root


# What is checked of a log.


def check_growth(older: SignedHead, newer: SignedHead, proof: Sequence[bytes], place: str) -> None:
    """That nothing of the older head was removed, edited or moved. Raises Unverified."""
    if older.origin != newer.origin:
        raise Unverified(place, "other-log", f"it speaks of {older.origin}, not of {newer.origin}")
    if newer.size < older.size:
        raise Unverified(
            place, "rolled-back", f"it counted {older.size} records, the log now has {newer.size}"
        )
    if not is_consistent(older.size, newer.size, older.root, newer.root, proof):
        raise Unverified(
            place, "rewritten", f"its {older.size} records are not the beginning of the log of {newer.size}"
        )


def verify_log(entries: Sequence[bytes], note: str, verifier_key: str, origin: str) -> SignedHead:
    """Recompute the tree over every entry and hold it against the signed head. Raises Unverified."""
    head = open_note(note, verifier_key)
    if head.origin != origin:
        raise Unverified("the checkpoint", "other-log", f"it speaks of {head.origin}, not of {origin}")
    if len(entries) != head.size:
        raise Unverified(
            "the log", "missing", f"the checkpoint counts {head.size} records, the log gave {len(entries)}"
        )
    if (found := root_of(map(leaf_hash, entries))) != head.root:
        raise Unverified(
            "the log",
            "root",
            f"the records give the root {found.hex()}, the checkpoint states {head.root.hex()}",
        )
    return head


def check_ledger(
    entry: bytes, index: int, ledger: SignedHead, proof: Sequence[bytes], key: str
) -> SignedHead:
    """The checkpoint that the ledger holds of a log, proved to be in the ledger. Raises Unverified."""
    place = f"ledger entry {index}"
    if root_from_inclusion(leaf_hash(entry), index, ledger.size, proof) != ledger.root:
        raise Unverified(place, "proof", "it is not in the ledger's signed tree")
    said = _json(entry, place)
    head = open_note(str(said.get("checkpoint")), key, place)
    if [said.get("origin"), said.get("tree_size"), said.get("root_hash")] != [
        head.origin,
        head.size,
        head.root.hex(),
    ]:
        raise Unverified(place, "edited", "it says something else than the checkpoint that it quotes")
    return head


def check_anchor(note: str, ledger: SignedHead, proof: Sequence[bytes], key: str, place: str) -> SignedHead:
    """A head of the ledger that was kept elsewhere, held against the ledger's present one. Raises Unverified."""
    anchor = open_note(note, key, place)
    check_growth(anchor, ledger, proof, place)
    return anchor


def received_at(entry: bytes, place: str) -> datetime:
    """When a record was received, as its leaf says. Raises Unverified."""
    try:
        return _time(str(_json(entry, place)["received_at"]))
    except (KeyError, ValueError) as error:
        raise Unverified(place, "unreadable", f"its leaf says no time: {error!r}") from error


def _json(data: bytes, place: str) -> Any:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unverified(place, "unreadable", f"it is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise Unverified(place, "unreadable", "it is no JSON object")
    return said


# An unpacked export.

BLOCK = 1 << 20


class Export:
    """The folder of an export; each method proves one thing and notes it in `report`, or raises Unverified. Of a record
    only its leaf hash is kept: an export may be larger than the memory.
    """

    def __init__(self, folder: Path, key: str | None) -> None:
        self.folder, self.report = folder, Report()
        self.manifest = _json(self._bytes("manifest.json"), "manifest.json")
        self.key = key or str(self.manifest.get("verifier_key"))
        if key is None:
            self.report.not_proved.append(
                "whose key it is: it was taken from the export; compare it, or give --key"
            )

    def _path(self, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            raise Unverified(name, "missing", "the export has no such file")
        return path

    def _bytes(self, name: str) -> bytes:
        return self._path(name).read_bytes()

    def _digest(self, name: str) -> str:
        digest = sha256()
        with self._path(name).open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def lines(self, name: str) -> Iterator[bytes]:
        """One after another; what follows the last newline is none."""
        with self._path(name).open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def _proof(self, name: str) -> tuple[Any, list[bytes]]:
        said = _json(self._bytes(name), name)
        return said, _hashes(said.get("hashes"), name)

    def check(self, older: str | None) -> Report:
        try:
            self.check_files()
            head = self.check_head()
            hashes = self.check_range(head) if self.manifest["range_complete"] else self.check_each(head)
            if older is not None:
                self.check_older(open_note(older, self.key, "the older checkpoint"), head, hashes)
            self.check_outside(head)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Unverified(
                "the export", "unreadable", f"something in it is not what it should be: {error!r}"
            ) from error
        return self.report

    def check_files(self) -> None:
        told = self.manifest
        text = open_text(self._bytes("manifest.note").decode(), self.key, "manifest.note")
        digest = sha256(self._bytes("manifest.json")).hexdigest()
        if text != f"{told['origin']}/export\n{told['export_id']}\n{digest}\n":
            raise Unverified("manifest.json", "edited", "manifest.note signs another manifest")
        for name, file in told["files"].items():
            if self._digest(name) != file["sha256"]:
                raise Unverified(name, "edited", "it is not the file that the manifest lists")
        self.report.proved.append(f"the manifest is signed and its {len(told['files'])} files are unchanged")

    def check_head(self) -> SignedHead:
        head = open_note(self._bytes("checkpoint").decode(), self.key)
        if [head.size, head.root.hex()] != [self.manifest["checkpoint"][name] for name in ("size", "root")]:
            raise Unverified("the checkpoint", "edited", "the manifest speaks of another one")
        if head.origin != self.manifest["origin"]:
            raise Unverified("the checkpoint", "other-log", f"it speaks of {head.origin}")
        self.report.proved.append(f"the checkpoint of {head.size} records is signed")
        return head

    def check_range(self, head: SignedHead) -> list[bytes]:
        """Every record of the range and no other: they and the two beside them are the tree's own, side by side.
        The leaf hashes, where they begin with the first of the log; else none.
        """
        first, end = self.manifest["first_leaf"], self.manifest["end_leaf"]
        start, stop = self.manifest["received_from"], self.manifest["received_to"]
        inside = [leaf_hash(entry) for entry in self.lines("audit.jsonl")]
        said, proof = self._proof("proofs/range.json")
        if len(inside) != end - first:
            raise Unverified(
                "audit.jsonl", "missing", f"it has {len(inside)} records, the range {end - first}"
            )
        left = [self._boundary("left", first - 1)] if first else []
        right = self._boundary("right", end)
        hashes = [*map(leaf_hash, left), *inside, leaf_hash(right)]
        if [said["first"], said["end"], said["size"]] != [first - len(left), end + 1, head.size]:
            raise Unverified("proofs/range.json", "proof", "it is about other leaves")
        if root_from_range(hashes, first - len(left), head.size, proof) != head.root:
            raise Unverified(
                "audit.jsonl", "root", "its records do not stand in the signed tree as they are here"
            )
        times = [
            *(received_at(leaf, f"record {first - 1}") for leaf in left),
            *self._times(first, inside),
            received_at(right, f"record {end}"),
        ]
        if any(later < earlier for earlier, later in zip(times, times[1:])):  # noqa: B905, RUF007  # for Python 3.9
            raise Unverified("audit.jsonl", "time", "the log's own times go back")
        if (left and (start is None or times[0] >= _time(start))) or (not left and first):
            raise Unverified(
                "the left boundary", "time", "it was received within the range: records before may be missing"
            )
        if times[-1] < _time(stop):
            raise Unverified(
                "the right boundary", "time", "it was received within the range: records after may be missing"
            )
        if any(
            not (start is None or _time(start) <= time) or time >= _time(stop)
            for time in times[len(left) : -1]
        ):
            raise Unverified("audit.jsonl", "time", "it holds a record from outside the range")
        self.report.proved.append(f"all {len(inside)} records of the range are here, unchanged and in order")
        return hashes if not left else []

    def _times(self, first: int, proved: Sequence[bytes]) -> list[datetime]:
        """When the records were received, but for what lies between its neighbours: the ends of a log in order.
        `proved` are their leaf hashes: only what the tree has proved is parsed, even if the file was changed since.
        """
        times: list[datetime] = []
        entries = zip_longest(self.lines("audit.jsonl"), proved, fillvalue=b"")
        for number, (entry, hash_) in enumerate(entries, first):
            if leaf_hash(entry) != hash_:
                raise Unverified("audit.jsonl", "edited", "it was changed while it was read")
            time = received_at(entry, f"record {number}")
            if len(times) > 1 and times[-2] <= times[-1] <= time:
                times.pop()
            times.append(time)
        return times

    def _boundary(self, side: str, leaf: int) -> bytes:
        said, _ = self._proof(f"proofs/boundary-{side}.json")
        if said["leaf"] != leaf:
            raise Unverified(f"the {side} boundary", "proof", f"it is leaf {said['leaf']}, not {leaf}")
        return str(said["entry"]).encode()

    def check_each(self, head: SignedHead) -> list[bytes]:
        """A filtered export: each record stands in the tree; nothing is said of those that are not here."""
        names = "audit.jsonl", "proofs/records.jsonl"
        records, proofs = (sum(1 for _ in self.lines(name)) for name in names)
        if records != proofs:
            raise Unverified("audit.jsonl", "missing", f"{records} records, {proofs} proofs")
        for leaf, line in zip_longest(*map(self.lines, names), fillvalue=b""):
            said = _json(line, "proofs/records.jsonl")
            path = _hashes(said["hashes"], f"record {said['leaf']}")
            if root_from_inclusion(leaf_hash(leaf), said["leaf"], head.size, path) != head.root:
                raise Unverified(f"record {said['leaf']}", "proof", "it does not stand in the signed tree")
        self.report.proved.append(f"each of the {records} records stands in the log, unchanged")
        self.report.not_proved.append(
            "that no record which fits the filter is missing: the export is filtered"
        )
        return []

    def check_older(self, older: SignedHead, head: SignedHead, hashes: Sequence[bytes]) -> None:
        """Against a checkpoint that somebody kept: proved where the export begins with the first record of the log."""
        if older.origin != head.origin or head.size <= older.size:
            check_growth(older, head, (), "the older checkpoint")
        elif older.size > len(hashes):
            self.report.not_proved.append(
                f"that the log of {older.size} records is its beginning: the export does not hold them all"
            )
            return
        elif root_of(hashes[: older.size]) != older.root:
            raise Unverified(
                "the older checkpoint", "rewritten", "its records are not the beginning of this log"
            )
        self.report.proved.append(f"the log only grew since it had {older.size} records")

    def check_outside(self, head: SignedHead) -> None:
        """The ledger holds a checkpoint of this log, and the ledger's own heads were kept outside."""
        if not (self.folder / "proofs/ledger.json").exists():
            self.report.not_proved.append("that the same log was shown to others: no ledger, no anchors")
            return
        said, proof = self._proof("proofs/ledger.json")
        ledger = open_note(said["checkpoint"], self.key, "the ledger's checkpoint")
        entered = check_ledger(said["entry"].encode(), said["leaf"], ledger, proof, self.key)
        check_growth(entered, head, _hashes(said["growth"], "proofs/ledger.json"), "the ledger's entry")
        self.report.proved.append(f"the ledger holds this log's first {entered.size} records")
        for anchor in said["anchors"]:
            place, path = f"anchors/{anchor['name']}", _hashes(anchor["hashes"], "an anchor")
            check_anchor(self._bytes(place).decode(), ledger, path, self.key, place)
            self.report.proved.append(f"the ledger only grew since {place} was kept outside")
        if not said["anchors"]:
            self.report.not_proved.append("that the ledger was kept outside: there is no anchor so far")


def _hashes(texts: Any, place: str) -> list[bytes]:
    """Raises Unverified."""
    found = [bytes.fromhex(text) for text in texts]
    if any(len(one) != 32 for one in found):
        raise Unverified(place, "proof", "a hash does not have 32 bytes")
    return found


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # noqa: FURB162  # for Python 3.9


def verify_export(folder: Path, key: str | None = None, older: str | None = None) -> Report:
    """Everything that an unpacked export lets anybody prove. Raises Unverified."""
    return Export(folder, key).check(older)


def main(arguments: Sequence[str]) -> int:
    """0 proved, 1 not, 2 for a wrong call."""
    words, options = list(arguments), dict[str, str]()
    while len(words) > 2 and words[-2] in ("--key", "--older"):
        options[words[-2]], words = words[-1], words[:-2]
    if len(words) != 1 or words[0].startswith("-"):
        sys.stderr.write((__doc__ or "") + "\n")
        return 2
    try:
        older = Path(options["--older"]).read_text("utf-8") if "--older" in options else None
        report = verify_export(Path(words[0]), options.get("--key"), older)
    except (Unverified, OSError, UnicodeDecodeError) as error:
        sys.stdout.write(f"NOT VERIFIED: {error}\n")
        return 1
    for text in report.proved:
        sys.stdout.write(f"proved: {text}\n")
    for text in report.not_proved:
        sys.stdout.write(f"cannot prove: {text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
