"""What stands in the small files of an export: cover, manifest, proofs, instructions."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import orjson

from services.audit.exports.model import Export
from services.audit.exports.pdf import Cover
from services.audit.exports.wording import LANGUAGES, count, instant, word
from services.audit.log.checkpoints import origin
from services.audit.log.note import Signer
from services.audit.log.store import StoredCheckpoint

if TYPE_CHECKING:
    from services.audit.exports.writing import Tally

FORMAT = "tenantry-audit-export/1"
ANCHORS = "anchors/"
TEXTS = Path(__file__).with_name("texts")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
VERIFIER = ("tenantry", "log_verifier.py")
"""Read as a file, not imported: the verifier shares no code with the service that it checks."""


def texts(export: Export) -> dict[str, bytes]:
    """The verifier and how to use it, in both languages: the reader of an export is not always who asked for it."""
    package, file = VERIFIER
    found = {"verify.py": resources.files(package).joinpath(file).read_bytes()}
    for language in LANGUAGES:
        given = {
            "tenant": export.tenant_id,
            "range": range_in_words(export, language),
            "kind": word("proved_complete" if export.is_range_complete else "filtered", language),
        }
        text = Template((TEXTS / f"README_{language}.md").read_text("utf-8")).substitute(given)
        found[f"README_{language}.md"] = text.encode()
    return found


def title(language: str) -> str:
    return word("title", language)


def pdf_name(number: int) -> str:
    return "compliance-audit.pdf" if number == 1 else f"compliance-audit-{number}.pdf"


def file_name(product: str) -> str:
    """As it is where it is a plain word, else made of its hash: a product's name comes from outside."""
    return product if NAME.fullmatch(product) else f"product-{sha256(product.encode()).hexdigest()[:16]}"


def range_in_words(export: Export, language: str) -> str:
    start = export.received_from
    first = word("beginning", language) if start is None else instant(start, language)
    return word("from_to", language, first=first, end=instant(export.received_to, language))


def cover(
    export: Export,
    checkpoint: StoredCheckpoint,
    volume: tuple[int, int],
    records: tuple[int, int],
    now: datetime,
    found: Mapping[str, bytes],
) -> Cover:
    """`volume` is (number, count), `records` is (in this volume, in all)."""
    language = export.language
    here, total = (count(number, language) for number in records)
    is_one = volume[1] == 1
    wanted = export.wanted.told() if export.wanted else {}
    facts = [
        ("range", range_in_words(export, language)),
        ("records", total if is_one else word("in_volume", language, here=here, all=total)),
        ("filter", ", ".join(f"{n} = {v}" for n, v in wanted.items()) or word("no_filter", language)),
        ("personal", word("shown" if export.shows_personal else "sealed", language)),
        ("asked_by", f"{export.asked_by}, {instant(export.asked_at, language)}"),
        ("made", instant(now, language)),
        ("log", origin(export.tenant_id)),
        ("size", word("leaves", language, count=count(checkpoint.size, language))),
        ("root", checkpoint.root.hex()),
        ("signed", instant(checkpoint.signed_at, language)),
    ]
    anchored = ", ".join(name.removeprefix(ANCHORS) for name in found if name.startswith(ANCHORS))
    facts.append(("anchor", anchored or word("not_anchored", language)))
    told = [(word(name, language), value) for name, value in facts]
    if not is_one:
        told.insert(0, (word("volume", language), f"{volume[0]} / {volume[1]}"))
    proved = ["proved_in_log", "proved_complete"] if export.is_range_complete else ["proved_in_log"]
    not_proved = ["received_time", "never_sent"] if export.is_range_complete else ["filtered", "never_sent"]
    return Cover(
        f"{word('tenant', language)} {export.tenant_id}",
        told,
        [word(name, language) for name in proved],
        [word(name, language) for name in not_proved],
        word("nothing", language) if records[1] == 0 else None,
    )


def manifest(
    export: Export,
    leaves: tuple[int, int],
    tally: "Tally",
    checkpoint: StoredCheckpoint,
    members: Mapping[str, Mapping[str, int | str]],
    signer: Signer,
    now: datetime,
) -> bytes:
    """`manifest.json`: what the export is of, what is in it, and the hash of every other file."""
    first, end = leaves
    told: dict[str, Any] = {
        "format": FORMAT,
        "export_id": str(export.export_id),
        "tenant_id": str(export.tenant_id),
        "origin": origin(export.tenant_id),
        "verifier_key": signer.verifier_key(),
        "asked_by": export.asked_by,
        "asked_at": export.asked_at.isoformat(),
        "made_at": now.isoformat(),
        "language": export.language,
        "received_from": export.received_from.isoformat() if export.received_from else None,
        "received_to": export.received_to.isoformat(),
        "filter": export.wanted.told() if export.wanted else None,
        "range_complete": export.is_range_complete,
        "cannot_prove": None if export.is_range_complete else word("filtered", "en"),
        "personal_data": "shown" if export.shows_personal else "sealed",
        "first_leaf": first,
        "end_leaf": end,
        "request_leaf": export.request_leaf,
        "looked_at": tally.looked_at,
        "records": tally.records,
        "records_by_product": dict(sorted(tally.by_product.items())),
        "checkpoint": {"size": checkpoint.size, "root": checkpoint.root.hex()},
        "files": dict(members),
    }
    return orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n"


def manifest_note(export: Export, manifest: bytes, signer: Signer) -> str:
    """`manifest.note`: the manifest's SHA-256 as a signed note (C2SP signed-note)."""
    body = f"{origin(export.tenant_id)}/export\n{export.export_id}\n{sha256(manifest).hexdigest()}\n"
    return signer.sign_text(body)


def range_file(first: int, end: int, size: int, hashes: Sequence[bytes]) -> bytes:
    """`proofs/range.json`: the leaves first…end-1 stand in the tree of `size`; hashes from left to right."""
    told = {"first": first, "end": end, "size": size, "hashes": [piece.hex() for piece in hashes]}
    return orjson.dumps(told) + b"\n"


def boundary_file(row: Mapping[str, Any], hashes: Sequence[str]) -> bytes:
    """`proofs/boundary-….json`: the leaf beside the range, as its exact text, with its inclusion proof."""
    told = {"leaf": row["leaf_index"], "entry": bytes(row["entry"]).decode(), "hashes": hashes}
    return orjson.dumps(told) + b"\n"
