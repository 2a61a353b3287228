"""Halves are recognised by their names, and nothing else is taken for halves."""

from __future__ import annotations

import pytest

from napari_cryonet.io.halves import other_half, pairs


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("emd_1234_half_map_1", "emd_1234_half_map_2"),
        ("emd_1234_half_map_1.map.gz", "emd_1234_half_map_2.map.gz"),
        ("/EMD-1/other/emd_1_half_map_1.map.gz", "/EMD-1/other/emd_1_half_map_2.map.gz"),
        (r"C:\maps\run_half1.mrc", r"C:\maps\run_half2.mrc"),
        ("run_half1_class001_unfil.mrc", "run_half2_class001_unfil.mrc"),
        ("run_it025_half1_class001.mrc", "run_it025_half2_class001.mrc"),
        ("half-1.mrc", "half-2.mrc"),
        ("Half Map 1", "Half Map 2"),
        ("halfmap1", "halfmap2"),
        ("simulated half map 1", "simulated half map 2"),
        ("cryosparc_P1_J10_map_half_A.mrc", "cryosparc_P1_J10_map_half_B.mrc"),
        ("mapHalfA.mrc", "mapHalfB.mrc"),
        ("/data/h1.mrc", "/data/h2.mrc"),
        ("protein_h1.mrc", "protein_h2.mrc"),
        ("protein_A.mrc", "protein_B.mrc"),
        ("/data/a.mrc", "/data/b.mrc"),
        ("map-a", "map-b"),
        ("TS_01_EVN.mrc", "TS_01_ODD.mrc"),
        ("TS_01_even.rec", "TS_01_odd.rec"),
        ("even", "odd"),
        ("simulated tomogram even", "simulated tomogram odd"),
        ("/warp/even/TS_01_10.00Apx.mrc", "/warp/odd/TS_01_10.00Apx.mrc"),
        ("/warp/even/TS_01_even.mrc", "/warp/odd/TS_01_odd.mrc"),
        ("half1/run_half1.mrc", "half2/run_half2.mrc"),
        ("/oddity/TS_01_even.mrc", "/oddity/TS_01_odd.mrc"),
        ("/half1_only/run_half1.mrc", "/half1_only/run_half2.mrc"),
    ],
)  # fmt: skip
def test_halves_find_each_other(first: str, second: str) -> None:
    assert second.lower() in other_half(first)
    assert first.lower() in other_half(second)
    for given in ([first, second], [second, first]):
        assert pairs(given) == ([(first, second)], [])


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["half1.mrc"],
        ["half1.mrc", "half1.mrc"],
        ["half1.mrc", "half3.mrc"],
        ["half_map_1", "half_map_12"],
        ["half_map_12", "half_map_22"],
        ["emd_1_half_map_1", "emd_2_half_map_1"],
        ["emd_1_half_map_1", "emd_2_half_map_2"],
        ["run_half1_class001", "run_half2_class002"],
        ["TS_01_EVN.mrc", "TS_02_ODD.mrc"],
        ["TS_01_even.mrc", "TS_01_odd.rec"],
        ["TS_01_even denoised", "TS_01_odd"],
        ["map1.mrc", "map2.mrc"],
        ["tomo_1.mrc", "tomo_2.mrc"],
        ["alpha", "blpha"],
        ["h12.mrc", "h22.mrc"],
        ["path1.mrc", "path2.mrc"],
        ["/project_a/map.mrc", "/project_b/map.mrc"],
        ["/a/map.mrc", "/b/map.mrc"],
        ["/h1/map.mrc", "/h2/map.mrc"],
        ["/a/half1.mrc", "/b/half2.mrc"],
        ["truth", "mask", "preview"],
    ],
)
def test_others_are_left_alone(names: list[str]) -> None:
    assert pairs(names) == ([], list(dict.fromkeys(names)))


def test_what_is_no_half_has_no_other() -> None:
    assert other_half("tomogram_07") == ()
    assert other_half("") == ()


def test_many_files_are_sorted_into_pairs_in_their_order() -> None:
    names = ["b_odd", "truth", "a_even", "c_half2", "A_ODD", "B_even", "c_half1", "d_half1"]
    assert pairs(names) == (
        [("B_even", "b_odd"), ("a_even", "A_ODD"), ("c_half1", "c_half2")],
        ["truth", "d_half1"],
    )


def test_halves_of_even_and_odd_are_paired_by_their_number() -> None:
    names = ["even_half1", "odd_half1", "odd_half2", "even_half2"]
    assert pairs(names)[0] == [("even_half1", "even_half2"), ("odd_half1", "odd_half2")]
