import json
from pathlib import Path

import pytest

from tests.bench.pictures import jpeg, picture
from tests.bench.rows import NOTES, Row, write


@pytest.mark.parametrize(
    ("value", "reach", "reached"),
    [(1.0, "<= 1.05", True), (1.1, "<= 1.05", False), (0.96, ">= 0.95", True), (3.0, "", None)],
)
def test_a_row_knows_whether_it_is_reached(value, reach, reached):
    assert Row("x", "x", value, "ratio", reach).reached is reached


def test_the_page_is_written_anew_but_for_the_notes(tmp_path: Path):
    write([Row("a", "first", 1.0, "ms")], {"cores": "2"}, tmp_path)
    page = tmp_path / "performance.md"
    assert page.read_text().endswith(f"{NOTES}\n")
    page.write_text(page.read_text() + "\nThe memory.\n")
    write([Row("b", "second", 2.5, "ratio", "<= 2")], {"cores": "2"}, tmp_path)
    assert "first" not in page.read_text()
    assert "| second | 2.5 | <= 2 | not reached |" in page.read_text()
    assert page.read_text().endswith(f"{NOTES}\n\nThe memory.\n")
    stored = json.loads((tmp_path / "performance.json").read_text())
    assert stored["rows"][0]["name"] == "b"


def test_pictures_are_the_same_every_time():
    assert picture(20, 30, 1).equal(picture(20, 30, 1))
    assert not picture(20, 30, 1).equal(picture(20, 30, 2))
    assert jpeg(picture(20, 30)).startswith(b"\xff\xd8")
