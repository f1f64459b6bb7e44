"""The CSV tables of a run, for losses and validation."""

import csv
from pathlib import Path

LOSSES = "losses.csv"
VALIDATION = "validation.csv"
TABLES = (LOSSES, VALIDATION)
KEYS = ("step", "seconds")
"""Columns that say when a row was written."""


def append_row(path: Path, row: dict[str, float]) -> None:
    """Append a row; a table with other columns is first renamed, with its last step in its name."""
    before = read_rows(path)
    if before and list(before[0]) != list(row):
        path.replace(path.with_stem(f"{path.stem}-until-{before[-1]['step']:.0f}"))
        before = []
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if not before:
            writer.writeheader()
        writer.writerow({k: v if k == "step" else f"{v:.5g}" for k, v in row.items()})


def drop_rows_after(path: Path, step: int) -> None:
    """Remove the rows after ``step``, where a run continues from an older checkpoint."""
    rows = [row for row in read_rows(path) if row["step"] <= step]
    path.unlink(missing_ok=True)
    for row in rows:
        append_row(path, {**row, "step": int(row["step"])})


def read_rows(path: Path) -> list[dict[str, float]]:
    """Read a table's rows; none if there is no file yet."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
