"""Tables of training data."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_cryonet.cli.pairs import read_pairs
from napari_cryonet.errors import CryonetError, FileProblem, FormatError

COLUMNS = ("half1", "half2")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The path of a table in a folder with three files."""
    (tmp_path / "maps").mkdir()
    for name in ("a.mrc", "b, c.mrc", "Größe.mrc"):
        (tmp_path / "maps" / name).touch()
    return tmp_path / "pairs.csv"


def test_names_count_from_the_folder_of_the_table(table: Path) -> None:
    folder = table.parent / "maps"
    text = (
        "note, half2 ,half1\r\n"
        'x,maps/a.mrc,"maps/b, c.mrc"\r\n'
        ",,\r\n"
        f"y, maps/Größe.mrc ,{folder / 'a.mrc'}\r\n"
    )
    table.write_text(text, encoding="utf-8-sig", newline="")
    a, b, c = (str(folder / name) for name in ("a.mrc", "b, c.mrc", "Größe.mrc"))
    assert read_pairs(table, COLUMNS) == [[b, a], [a, c]]


def test_a_column_may_be_missing_or_empty_in_some_lines(table: Path) -> None:
    a, b = (str(table.parent / "maps" / name) for name in ("a.mrc", "Größe.mrc"))
    lines = ("half1,half2,mask", f"{a},{b},", f"{a},{b},{a}")
    table.write_text("\n".join(lines), encoding="utf-8")
    assert read_pairs(table, COLUMNS, ("mask", "note")) == [[a, b], [a, b, a]]


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("", FormatError, "line 1: the column half1 is missing; found was nothing"),
        ("half1;half2\na;b\n", FormatError, "found was half1;half2"),
        ("half1\nmaps/a.mrc\n", FormatError, "line 1: the column half2 is missing"),
        ("half1,half2\n", FormatError, "names no data"),
        ("half1,half2\nmaps/a.mrc\n", FormatError, "line 2, column half2: there is no value"),
        ("half1,half2\nmaps/a.mrc,maps/b, c.mrc\n", FormatError, "line 2: 3 values for 2 columns"),
        (
            "half1,half2\n\nmaps/a.mrc,no.mrc\n",
            FileProblem,
            "line 3, column half2: there is no file",
        ),
        ("half1,half2\nmaps/a.mrc,maps\n", FileProblem, "line 2, column half2: there is no file"),
    ],
)
def test_errors_name_line_and_column(
    text: str, kind: type[CryonetError], found: str, table: Path
) -> None:
    table.write_text(text, encoding="utf-8")
    with pytest.raises(kind) as caught:
        read_pairs(table, COLUMNS)
    assert found in str(caught.value)
    assert str(table) in str(caught.value)


def test_not_a_table(tmp_path: Path) -> None:
    (tmp_path / "map.mrc").write_bytes(bytes(range(256)))
    with pytest.raises(FormatError, match="not a text file"):
        read_pairs(tmp_path / "map.mrc", COLUMNS)
    with pytest.raises(FileProblem, match="Cannot read"):
        read_pairs(tmp_path / "missing.csv", COLUMNS)
