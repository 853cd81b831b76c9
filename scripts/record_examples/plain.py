"""Takes out of recorded values what is different in every run, or looks like a secret."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from contracts.capabilities import DEMO_TENANT_ID
from contracts.http_examples import Examples, Exchange

BEGIN = datetime(2027, 1, 4, 9, tzinfo=UTC)
"""When the story begins in the examples."""
STEP = timedelta(minutes=10)
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
IN_MAILS = "%Y-%m-%d %H:%M UTC"
MINUTE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HEX = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{32})(?![0-9a-f])")
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-(\d\d)")
FEED = re.compile(r"(?=[a-f]*\d)[0-9a-f]{11}(?P<at>-\d+)?")
"""The epoch of the feed, and a cursor in it."""
OPAQUE = re.compile(r"[A-Za-z0-9+/_-]{32,}=*")
API_KEY = re.compile(r"tk_(live|test)_[0-9A-Za-z]{38}")
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
ORIGIN = re.compile(r"http://127\.0\.0\.1:\d+")
ENCODED = frozenset({"entry", "Tenantry-Principal"})
"""Members that hold JSON in base64."""
MADE_UP: dict[str, Any] = {
    "age_seconds": 0.5,
    "bytes": 48_211,
    "documents": 28,
    "duration_ms": 12,
    "exp": 1_799_054_100,
    "for_seconds": 42.0,
    "last_four": "upup",
    "next_seconds": 30.0,
    "nonce": f"{'A' * 22}==",
    "of": 28,
    "prefix": "tk_live_made",
    "read_seconds_ago": 0.5,
    "so_far": 28,
    "signed_size": 28,
    "tree_size": 28,
    "verifier_key": f"tenantry.example/audit+00000000+{'A' * 44}",
}
"""Members of answers that are measured, that grow with the time, or that are a piece of something secret."""
HEAD = re.compile(r"(?<=^tenantry/audit/)(.+\n)\d+\n")
"""The beginning of a signed head: origin, size."""
MICROSECONDS = 10**15
"""Whole numbers from here on are instants."""
LEAKS = re.compile(r"127\.0\.0\.1|localhost|/tmp/|/home/|/root/|BEGIN [A-Z ]*PRIVATE")


class NotPlain(Exception):
    """A value is still one of this machine or this run; say in `plain` how it is to look."""


class Plain:
    """One mapping for all services, so that the same id looks the same everywhere."""

    def __init__(self, made_up: Mapping[str, str], began: datetime) -> None:
        self._made_up = sorted(made_up.items(), key=lambda pair: -len(pair[0]))
        self._began = began
        self._uuids = {str(DEMO_TENANT_ID): str(DEMO_TENANT_ID)}  # the same everywhere
        self._counts: dict[str, int] = {}

    def examples(self, recorded: Examples) -> Examples:
        return {operation: [self.exchange(one) for one in several] for operation, several in recorded.items()}

    def exchange(self, one: Exchange) -> Exchange:
        """Raises NotPlain."""
        is_stream = one.media_type == "text/event-stream"
        found = replace(
            one,
            path=self.value(one.path),
            query=self.value(one.query),
            headers=self.value(one.headers),
            request=self.value(one.request),
            response=self.frames(one.response) if is_stream else self.value(one.response, is_answer=True),
        )
        refuse_leftovers(found.as_json())
        return found

    def frames(self, text: str) -> str:
        """Of a stream of events, whose data are JSON."""
        lines = [line.partition(": ") for line in text.split("\n")]
        return "\n".join(
            f"data: {json.dumps(self.value(json.loads(told), is_answer=True), ensure_ascii=False)}"
            if name == "data"
            else f"{name}{colon}{self.text(told, name)}"
            for name, colon, told in lines
        )

    def value(self, value: Any, name: str = "", *, is_answer: bool = False) -> Any:
        """`name` is the member that holds the value."""
        if isinstance(value, dict):
            return {
                self.text(key, ""): self.value(inner, key, is_answer=is_answer)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self.value(inner, name, is_answer=is_answer) for inner in value]
        if is_answer and value is not None and name in MADE_UP:
            return MADE_UP[name]
        if isinstance(value, int) and value >= MICROSECONDS:
            return int(BEGIN.timestamp()) * 10**6
        return self.text(value, name) if isinstance(value, str) else value

    def text(self, text: str, name: str) -> str:
        if name in ENCODED:
            return encoded(self.value(decoded(text), is_answer=True))
        for real, plain in self._made_up:
            text = text.replace(real, plain)
        if match := INSTANT.fullmatch(text):
            return self.instant(text, match["zone"])
        if DAY.fullmatch(text):
            moved = BEGIN.date() + (date.fromisoformat(text) - self._began.date())
            return moved.isoformat()
        if MINUTE.fullmatch(text):
            at = datetime.strptime(text, IN_MAILS).replace(tzinfo=UTC)
            return self.moved(at).strftime(IN_MAILS)
        text = UUID.sub(lambda found: self.uuid(found[0], name), text)
        text = HEAD.sub(r"\g<1>28\n", text)
        if match := FEED.fullmatch(text):
            return f"00000000001{match['at'] or ''}"
        text = API_KEY.sub(r"tk_\1_made-up", WEBHOOK_SECRET.sub("whsec_made-up", text))
        text = ORIGIN.sub("https://backoffice.tenantry.example", text).replace("127.0.0.1", "203.0.113.7")
        text = TRACEPARENT.sub(rf"00-{'0f' * 16}-{'0f' * 8}-\1", text)
        text = HEX.sub(lambda found: "0f" * (len(found[0]) // 2), text)
        return OPAQUE.sub(lambda found: opaque(found[0]), text)

    def instant(self, text: str, zone: str) -> str:
        """As far from the story's beginning as it was: in days where it is a full hour, else in whole steps.

        What lies before the beginning was there before, and stays.
        """
        at = datetime.fromisoformat(text)
        if at < self._began - STEP:
            return text
        if (at.minute, at.second, at.microsecond) == (0, 0, 0):
            moved = at + (BEGIN.date() - self._began.date())
        else:
            moved = self.moved(at)
        return moved.isoformat(timespec="seconds").replace("+00:00", zone)

    def moved(self, at: datetime) -> datetime:
        return BEGIN + round((at - self._began) / STEP) * STEP

    def uuid(self, real: str, name: str) -> str:
        """Told by the member that it was first seen in, and its number among those."""
        if real not in self._uuids:
            self._counts[name] = self._counts.get(name, 0) + 1
            kind = sha256(name.encode()).hexdigest()[:3]
            self._uuids[real] = f"019b0000-0000-7000-8{kind}-{self._counts[name]:012d}"
        return self._uuids[real]


def opaque(text: str) -> str:
    """Of the same length, and plainly nothing; words that people wrote stay, and what is plain already."""
    is_plain = text.islower() or text.isupper() or "A" * 20 in text
    return text if is_plain else "A" * len(text.rstrip("=")) + "=" * text.count("=")


def decoded(text: str) -> Any:
    return json.loads(base64.b64decode(text + "==", altchars=b"-_" if set(text) & set("-_") else b"+/"))


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, ensure_ascii=False).encode()).decode().rstrip("=")


def refuse_leftovers(value: Any, name: str = "") -> None:
    """Raises NotPlain."""
    if isinstance(value, dict):
        for key, inner in value.items():
            refuse_leftovers(inner, key)
    elif isinstance(value, list):
        for inner in value:
            refuse_leftovers(inner, name)
    elif isinstance(value, str) and name not in ENCODED:
        is_secret = any(opaque(found) != found for found in OPAQUE.findall(value))
        if is_secret or LEAKS.search(value):
            raise NotPlain(f"{name}: {value[:80]}")
