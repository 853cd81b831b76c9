"""No cell of an export is a formula to any spreadsheet, whatever a record says, and what was said can still be read."""

import csv
import io
import re
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from services.audit.exports.cells import cell, write_rows

BEGINNINGS = "=+-@−＝＋－＠﹢﹣﹦﹫"
FORMULAS = st.builds(
    lambda before, sign, rest: before + sign + rest,
    st.text(st.sampled_from(" \t\r\n\u00a0\u200b\ufeff;,|'\"a"), max_size=4),
    st.sampled_from(BEGINNINGS),
    st.text(max_size=10),
)


def is_a_formula(text: str) -> bool:
    """As a spreadsheet sees it that trims, ignores what does not show, and folds widths."""
    seen = "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Zs"} and not c.isspace())
    return unicodedata.normalize("NFKC", seen)[:1] in set("=+-@−")


@given(st.one_of(st.text(), FORMULAS))
@example("\t=1+1")
@example("harmless;=HYPERLINK(1)")
@example("a\r\n@SUM(1)")
@example("\u200b＝cmd|' /C calc'!A0")
def test_no_cell_and_no_part_of_one_is_a_formula(text: str) -> None:
    made = cell(text)
    assert made[:1] not in {"\t", "\r"}
    for part in re.split(r"[;,|\t\r\n]", made):
        assert not is_a_formula(part), (text, made)


@given(st.one_of(st.text(), FORMULAS))
def test_only_apostrophes_are_added(text: str) -> None:
    assert cell(text).replace("'", "") == text.replace("\0", "\ufffd").replace("'", "")


@given(st.lists(st.lists(st.one_of(st.text(), FORMULAS), min_size=2, max_size=4), max_size=4))
def test_a_reader_of_rfc_4180_gets_the_cells_back(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    write_rows(file, rows)
    assert list(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [
        [cell(text) for text in row] for row in rows
    ]
