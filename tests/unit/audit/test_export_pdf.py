"""The PDF of an export as a reader has it: its text, its pages, its picture."""

import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pypdfium2
import pytest

from services.audit.exports.pdf import Cover, Letters, Row, Volume, register_fonts
from services.audit.exports.wording import count, word

COVER = Cover(
    "Client Œil-de-Bœuf", [("Réception", "du début à la fin")], ["Tout est là."], ["Ce qui manque."]
)


def rows(number: int) -> Iterable[Row]:
    for n in range(number):
        yield (
            f"{n}",
            "2026-01-01 00:00:00",
            "2026-01-01 00:00:00",
            f"Élodie Ünal member-{n}",
            "registry.member.roles_changed.v1",
            f"member/0190c0de-0000-7000-8000-{n:012d}",
            "notetaker",
            "failed" if n % 7 == 0 else "ok",
        )


def drawn(path: Path, language: str, number: int) -> pypdfium2.PdfDocument:
    Volume(path, language, word("title", language)).write(COVER, rows(number))
    return pypdfium2.PdfDocument(path)


def text_of(document: pypdfium2.PdfDocument) -> str:
    found = []
    for page in document:
        text = page.get_textpage()
        found.append(text.get_text_bounded())
        text.close()
        page.close()
    return "\n".join(found)


@pytest.mark.parametrize(("language", "head"), [("en", "Outcome"), ("fr", "Résultat")])
def test_every_record_is_there_to_read_in_the_language_that_was_asked_for(
    tmp_path: Path, language: str, head: str
) -> None:
    with drawn(tmp_path / "a.pdf", language, 60) as document:
        assert len(document) == 4
        text = text_of(document)
    assert word("title", language) in text
    assert "Œil-de-Bœuf" in text
    assert head in text
    for n in range(60):
        assert f"member-{n}" in text
    assert word("failed", language) in text


def test_its_fonts_are_embedded_and_its_cells_stay_apart(tmp_path: Path) -> None:
    with drawn(tmp_path / "a.pdf", "fr", 30) as document:
        page = document[1]
        picture = page.render(scale=1).to_pil().convert("L")
        page.close()
    assert b"/FontFile2" in (tmp_path / "a.pdf").read_bytes()
    darkness = [value for value in picture.get_flattened_data() if value < 128]
    assert 0.01 < len(darkness) / (picture.width * picture.height) < 0.25
    gap = [picture.getpixel((236, y)) for y in range(70, 540)]  # between two columns
    assert min(value for value in gap if isinstance(value, int)) > 200


def test_long_text_is_broken_and_cut_and_foreign_letters_are_named() -> None:
    register_fonts()
    letters = Letters("Vera", 6.5)
    lines = letters.lines("0190c0de-0000-7000-8000-000000000000 " * 20, 100)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert letters.shown("Æther 漢\n") == "Æther <U+6F22><U+000A>"
    assert letters.lines("", 100) == [""]
    assert letters.shown(count(12345, "fr")) == "12\u00a0345"


@pytest.mark.long
def test_memory_stays_bounded_over_ten_thousand_rows(tmp_path: Path) -> None:
    tracemalloc.start()
    Volume(tmp_path / "a.pdf", "en", "Audit").write(COVER, rows(10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20
