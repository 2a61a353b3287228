"""``cryonet emdb`` and ``cryonet halfmaps``, from a folder in the place of the EMDB."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import mrc_bytes
from napari_cryonet import write
from napari_cryonet.cli.pairs import read_pairs
from napari_cryonet.reporting import Cancelled
from napari_cryonet.simulate import half_map_pair


@pytest.fixture
def mirror(tmp_path: Path) -> tuple[str, ...]:
    """Options for a folder with the maps of two entries, and a table of three."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    rows = ["Entry,Tail,Size,Resolution,Height,Width,Depth"]
    for digits in ("0001", "0002", "0003"):
        for number in (1, 2):
            name = f"emd_{digits}_half_map_{number}.map.gz"
            packed = gzip.compress(mrc_bytes(2, np.full((8, 8, 8), number, "f4")))
            rows.append(f"EMD-{digits},{name},{len(packed)},3.5,8,8,8")
            if digits != "0003":
                (folder / name).write_bytes(packed)
    (folder / "index.csv").write_text("\n".join(rows))
    return "--index", str(folder / "index.csv"), "--files", str(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good pair, a bad pair and half of a pair."""
    good, other = (half_map_pair(36, 2.0, seed=seed, resolution=6.0) for seed in (0, 1))
    write(tmp_path / "good_half1.mrc", good.first)
    write(tmp_path / "good_half2.mrc", good.second)
    write(tmp_path / "bad_half1.mrc", good.first)
    write(tmp_path / "bad_half2.mrc", other.second)
    write(tmp_path / "alone_half1.mrc", good.truth)
    return tmp_path


def test_search(cryonet: Any, mirror: tuple[str, ...]) -> None:
    result = cryonet("emdb", "search", *mirror)
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()[:3]] == [
        "EMD-0001",
        "EMD-0002",
        "EMD-0003",
    ]
    assert result.out.splitlines()[3].startswith("3 entries, 6 files, 0 MB")
    found = cryonet("emdb", "search", *mirror, "--json", "--quiet", "--text", "0002").json
    assert [entry["entry"] for entry in found] == ["EMD-0002"]
    assert found[0]["shape"] == [8, 8, 8]
    assert found[0]["files"][1] == "emd_0002_half_map_2.map.gz"
    assert cryonet("emdb", "search", *mirror, "--max-side", "7", "--json").json == []
    assert len(cryonet("emdb", "search", *mirror, "--max-side", "0", "--json").json) == 3


def test_settings_from_a_file(cryonet: Any, mirror: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "search.toml"
    file.write_text('text = "0001"\n')
    assert len(cryonet("emdb", "search", *mirror, "--settings", file, "--json").json) == 1


def test_a_search_is_fetched_only_on_demand(
    cryonet: Any, mirror: tuple[str, ...], tmp_path: Path
) -> None:
    library = tmp_path / "new" / "library"
    result = cryonet("emdb", "download", library, *mirror)
    assert (result.code, library.exists()) == (0, False)
    assert "3 entries" in result.out
    assert "add --yes" in result.sentence
    result = cryonet("emdb", "download", library, *mirror, "--yes", "--json")
    assert result.code == 1
    assert result.json["fetched"] == ["EMD-0001", "EMD-0002"]
    assert list(result.json["failed"]) == ["EMD-0003"]
    assert (library / "train/emd_0002_half_map_2.map").stat().st_size == 1024 + 4 * 512


def test_named_entries(cryonet: Any, mirror: tuple[str, ...], tmp_path: Path) -> None:
    words = ("emdb", "download", tmp_path / "lib", "0001", "emd-0001", *mirror)
    result = cryonet(*words, "--no-unzip", "--state", "validation")
    assert result.code == 0
    assert "fetched  EMD-0001" in result.out
    assert (tmp_path / "lib/validation/emd_0001_half_map_1.map.gz").is_file()
    result = cryonet(*words)
    assert result.code == 0
    assert "there before  EMD-0001" in result.out
    assert cryonet("emdb", "download", tmp_path / "lib", "0003", *mirror).code == 1


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("download", "lib", "x"), "'x' is no entry of the EMDB"),
        (("download", "lib", "0001", "--max-side", "9"), "not both"),
        (("download",), "LIBRARY"),
        (("search", "--limit", "0"), "Setting 'limit'"),
        (("search", "--index", "no.csv"), "Cannot read no.csv"),
    ],
)
def test_bad_usage(
    words: tuple[str, ...],
    found: str,
    cryonet: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cryonet("emdb", *words)
    assert result.code == 2
    assert found in result.err
    assert list(tmp_path.iterdir()) == []


def test_sort_list_restore(cryonet: Any, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    tried = cryonet("halfmaps", "sort", folder, "--dry-run", "--json")
    assert tried.json["aside"] == 0
    assert [pair["bad"] for pair in tried.json["pairs"]] == [True, False]
    assert tried.json["singles"] == ["alone_half1.mrc"]

    result = cryonet("halfmaps", "sort", folder)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].split()[::2] == ["bad", "bad/bad_half1.mrc"]
    assert lines[-1].startswith("1 of 2 pairs are bad (correlation 0.65 or less): 1 put aside")
    listed = cryonet("halfmaps", "list", folder, "--state", "bad", "--json").json["pairs"]
    assert [pair["half2"] for pair in listed] == ["bad/bad_half2.mrc"]
    assert listed[0]["correlation"] < 0.4

    assert cryonet("halfmaps", "sort", folder, "--threshold=-1").out.count("1 put back") == 1
    cryonet("halfmaps", "sort", folder)
    restored = cryonet("halfmaps", "restore", folder, "--json").json["back"]
    assert [pair["half1"] for pair in restored] == ["bad_half1.mrc"]
    assert cryonet("halfmaps", "restore", folder).out == "0 pairs put back\n"
    after = {path: path.read_bytes() for path in folder.iterdir() if path.name != "library.csv"}
    assert after == before


def test_the_criterion_of_protein_denoiser(cryonet: Any, folder: Path) -> None:
    result = cryonet("halfmaps", "sort", folder, "--by", "whole-box", "--dry-run", "--json")
    assert result.json["threshold"] == 0.73
    assert {pair["measure"] for pair in result.json["pairs"]} == {"whole-box"}


def test_a_list_to_train_with(cryonet: Any, folder: Path, tmp_path: Path) -> None:
    cryonet("halfmaps", "sort", folder)
    table = tmp_path / "pairs.csv"
    assert cryonet("halfmaps", "list", folder, "--state", "train", "--output", table).code == 0
    wanted = [str(folder / "good_half1.mrc"), str(folder / "good_half2.mrc")]
    assert read_pairs(table, ("half1", "half2")) == [wanted]
    again = cryonet("halfmaps", "list", folder, "--output", table)
    assert again.code == 2
    assert "already exists" in again.err


def test_index_is_a_table_to_train_with(cryonet: Any, folder: Path) -> None:
    cryonet("halfmaps", "sort", folder, "--dry-run")
    assert len(read_pairs(folder / "library.csv", ("half1", "half2"))) == 2


def test_no_folder(cryonet: Any, tmp_path: Path) -> None:
    result = cryonet("halfmaps", "list", tmp_path / "missing")
    assert result.code == 2
    assert "There is no folder" in result.err


def test_stopped(cryonet: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: object) -> None:
        raise Cancelled

    monkeypatch.setattr("napari_cryonet.library.sort._correlation", stop)
    result = cryonet("halfmaps", "sort", folder)
    assert (result.code, result.out) == (130, "")
    assert not (folder / "bad").exists()


def test_a_stopped_download_says_what_is_kept(
    cryonet: Any, mirror: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: object) -> None:
        raise Cancelled

    with monkeypatch.context() as patch:
        patch.setattr("napari_cryonet.library.download.unpack", stop)
        result = cryonet("emdb", "download", tmp_path / "lib", "0001", *mirror)
    assert result.code == 130
    assert "what has arrived is kept" in result.sentence
    assert len(list((tmp_path / "lib").rglob("*.part"))) == 1
    assert cryonet("emdb", "download", tmp_path / "lib", "0001", *mirror).code == 0
    assert list((tmp_path / "lib").rglob("*.part")) == []
