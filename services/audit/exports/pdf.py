"""`compliance-audit.pdf`: the records as a table to read, drawn row by row, so that memory does not grow with them.

A volume holds at most ROWS records; reportlab keeps the drawn pages of one volume and nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from services.audit.exports.wording import count, word

ROWS = 50_000
"""Records of one volume."""
FONT, BOLD = "Vera", "VeraBd"
PAGE_WIDTH, PAGE_HEIGHT = landscape(A4)
MARGIN = 36.0
SIZE, LEADING = 6.5, 8.2
PADDING = 3.0
MOST_LINES = 4
NO_BREAK = "\u00a0"
"""Between the digits of a number in French; Python does not count it as printable."""
INK, FAINT, LINE = HexColor("#1b2733"), HexColor("#66727f"), HexColor("#c9d1d9")
BAND, ACCENT, ALARM = HexColor("#f3f6f9"), HexColor("#17466b"), HexColor("#a4262c")
COLUMNS = (
    ("number", 44.0),
    ("received", 84.0),
    ("happened", 84.0),
    ("who", 140.0),
    ("action", 160.0),
    ("target", 150.0),
    ("product", 58.0),
    ("outcome", 49.0),
)
Row = Sequence[str]
"""One text per column, the last one `failed` or `ok`."""


@dataclass(frozen=True, slots=True)
class Cover:
    """The first page: what the volume is of (name, value), and sentences on what is proved and what is not."""

    tenant: str
    facts: Sequence[tuple[str, str]]
    proved: Sequence[str]
    not_proved: Sequence[str]
    remark: str | None = None


def register_fonts() -> None:
    """Bitstream Vera, which reportlab carries: embedded, with every accent of French."""
    for name in (FONT, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))


class Letters:
    """Which characters a font has, and how wide text of it is."""

    def __init__(self, font: str, size: float) -> None:
        face = pdfmetrics.getFont(font).face
        self.lines = lru_cache(8192)(self._lines)  # dates, names and actions come again and again
        self._widths = {
            chr(code): width * size / 1000
            for code, width in face.charWidths.items()
            if code in face.charToGlyph
        }

    def shown(self, text: str) -> str:
        """A character that the font lacks is written as its code point, which says more than an empty box."""
        if text.isascii() and text.isprintable():
            return text
        return "".join(
            c if c in self._widths and (c.isprintable() or c == NO_BREAK) else f"<U+{ord(c):04X}>"
            for c in text
        )

    def _lines(self, text: str, width: float) -> list[str]:
        """`text` in at most MOST_LINES lines of `width` points each, broken after a space or a sign where there is one."""
        widths = self._widths
        found: list[str] = []
        line, used, breakable = 0, 0.0, 0
        for place, character in enumerate(text):
            used += widths.get(character, 0.0)
            if used > width and place > line:
                end = breakable if breakable > line else place
                found.append(text[line:end].strip())
                if len(found) == MOST_LINES:
                    found[-1] = f"{found[-1][:-1]}…"
                    return found
                used = sum(widths.get(c, 0.0) for c in text[end : place + 1])
                line = end
            if character in " ._-/:@":
                breakable = place + 1
        found.append(text[line:].strip())
        return found


class Volume:
    """One PDF file."""

    def __init__(self, path: Path, language: str, title: str) -> None:
        register_fonts()
        self._language = language
        self._canvas = Canvas(str(path), pagesize=(PAGE_WIDTH, PAGE_HEIGHT), pageCompression=1, lang=language)
        self._canvas.setTitle(title)
        self._canvas.setAuthor("Tenantry")
        self._title = title
        self._letters = Letters(FONT, SIZE)
        self._page = 0
        self._y = 0.0
        self._is_banded = False

    def write(self, cover: Cover, rows: Iterable[Row]) -> None:
        """The cover, then every row; the file is whole when this returns."""
        self._cover(cover)
        is_empty = True
        for row in rows:
            if is_empty:
                self._begin_table()
            is_empty = False
            self._row(row)
        self._end_page()
        self._canvas.save()

    def _cover(self, cover: Cover) -> None:
        self._page = 1
        canvas, y = self._canvas, PAGE_HEIGHT - 92
        canvas.setFillColor(ACCENT)
        canvas.rect(0, PAGE_HEIGHT - 14, PAGE_WIDTH, 14, stroke=0, fill=1)
        self._text(MARGIN, PAGE_HEIGHT - 56, self._title, 22, BOLD, ACCENT)
        self._text(MARGIN, PAGE_HEIGHT - 76, cover.tenant, 10, FONT, FAINT)
        plain, large = Letters(FONT, 8.5), Letters(FONT, 9)
        for name, value in cover.facts:
            y -= 5
            self._text(MARGIN, y - 9, name, 8.5, FONT, FAINT)
            for line in plain.lines(plain.shown(value), PAGE_WIDTH - 2 * MARGIN - 140):
                y -= 11.5
                self._text(MARGIN + 140, y + 2.5, line, 8.5, FONT, INK)
        for name, sentences, colour in (
            ("proved", cover.proved, ACCENT),
            ("not_proved", cover.not_proved, ALARM),
        ):
            y -= 28
            self._text(MARGIN, y, word(name, self._language), 11, BOLD, colour)
            for sentence in sentences:
                y -= 4
                for number, line in enumerate(large.lines(sentence, PAGE_WIDTH - 2 * MARGIN - 14)):
                    y -= 12
                    if number == 0:
                        canvas.setFillColor(colour)
                        canvas.circle(MARGIN + 3, y + 3, 1.6, stroke=0, fill=1)
                    self._text(MARGIN + 14, y, line, 9, FONT, INK)
        if cover.remark:
            self._text(MARGIN, y - 34, cover.remark, 9, BOLD, INK)
        self._text(MARGIN, 44, word("paper", self._language), 7.5, FONT, FAINT)

    def _begin_table(self) -> None:
        self._end_page()
        self._page += 1
        self._canvas.setFillColor(ACCENT)
        self._canvas.rect(MARGIN, PAGE_HEIGHT - MARGIN - 15, PAGE_WIDTH - 2 * MARGIN, 15, stroke=0, fill=1)
        x = MARGIN
        for name, width in COLUMNS:
            head = word(name, self._language)
            self._text(x + PADDING, PAGE_HEIGHT - MARGIN - 10.5, head, 7, BOLD, HexColor("#ffffff"))
            x += width
        self._y = PAGE_HEIGHT - MARGIN - 15

    def _row(self, row: Row) -> None:
        *texts, outcome = row
        cells = [
            self._letters.lines(self._letters.shown(text), width - 2 * PADDING)
            for text, (_, width) in zip(texts, COLUMNS, strict=False)
        ]
        height = max(map(len, cells)) * LEADING + 4
        if self._y - height < MARGIN + 14:
            self._begin_table()
        canvas, self._y = self._canvas, self._y - height
        if self._is_banded:
            canvas.setFillColor(BAND)
            canvas.rect(MARGIN, self._y, PAGE_WIDTH - 2 * MARGIN, height, stroke=0, fill=1)
        self._is_banded = not self._is_banded
        canvas.setFillColor(INK)
        canvas.setFont(FONT, SIZE)
        x, first = MARGIN + PADDING, self._y + height - LEADING
        for lines, (_, width) in zip(cells, COLUMNS, strict=False):
            for number, line in enumerate(lines):
                canvas.drawString(x, first - number * LEADING, line)
            x += width
        has_failed = outcome == "failed"
        self._text(
            x,
            first,
            word(outcome, self._language),
            SIZE,
            BOLD if has_failed else FONT,
            ALARM if has_failed else FAINT,
        )

    def _end_page(self) -> None:
        canvas = self._canvas
        canvas.setStrokeColor(LINE)
        canvas.setLineWidth(0.5)
        canvas.line(MARGIN, MARGIN, PAGE_WIDTH - MARGIN, MARGIN)
        self._text(MARGIN, MARGIN - 11, self._title, 7, FONT, FAINT)
        number = word("page", self._language, number=count(self._page, self._language))
        canvas.setFont(FONT, 7)
        canvas.drawRightString(PAGE_WIDTH - MARGIN, MARGIN - 11, number)
        canvas.showPage()

    def _text(self, x: float, y: float, text: str, size: float, font: str, colour: Color) -> None:
        self._canvas.setFillColor(colour)
        self._canvas.setFont(font, size)
        self._canvas.drawString(x, y, text)
