"""What of a record may be found as text: plain words without accents. Pure."""

import re
import unicodedata
from collections.abc import Iterable

from services.audit.records.personal.model import EMAIL

MOST = 4_000
"""Characters of one record."""
BETWEEN = re.compile(r"[\W_]+")
SPEAKS_OF_NOBODY = re.compile(r"[0-9a-fA-F-]{32,}|\d{4}-\d\d-\d\dT\S+|[\d.:-]+")
"""Ids, times and numbers, which have columns of their own."""
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){3,7}\b")
SHORTEST_NAME = 3


def plain(text: str) -> str:
    """Words with one space between, letters without their accents: `Déjà-vu` is `Deja vu`."""
    if not text.isascii():
        text = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return BETWEEN.sub(" ", text).strip()


def words_of(texts: Iterable[str | None], after: str = "") -> str | None:
    """What is searched of a record that holds these texts, `after` what is plain already; None for nothing."""
    told = (plain(text) for text in texts if text and not SPEAKS_OF_NOBODY.fullmatch(text))
    return " ".join(filter(None, (after, *told)))[:MOST] or None


def tells_of_somebody(text: str, names: Iterable[str | None]) -> bool:
    """Whether a free text holds a mail address, a network address or one of these names."""
    if EMAIL.search(text) or ADDRESS.search(text):
        return True
    folded = text.casefold()
    return any(name and len(name) >= SHORTEST_NAME and name.casefold() in folded for name in names)
