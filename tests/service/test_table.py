"""The table of docs/files.md is what a real server answers."""

from pathlib import Path

import pytest

from tests.service.table import table

DOCUMENT = Path(__file__).parents[2] / "docs" / "files.md"

pytestmark = pytest.mark.anyio


async def test_the_table_of_files_is_what_comes_back_over_http():
    text = DOCUMENT.read_text().partition("## What came back")[2]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) >= 22
    assert rows == (await table()).splitlines(), "run: python -m tests.service.table"
