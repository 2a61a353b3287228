"""The header of an MRC file as values: pure functions, each with its own test."""

import math
import struct
from itertools import permutations

import numpy as np
import pytest

from helpers import DTYPES, mrc_bytes, mrc_header
from napari_cryonet.errors import FormatError
from napari_cryonet.io.mrc_header import (
    MrcHeader,
    add_labels,
    build,
    four_bit_row_bytes,
    mode_of,
    set_cell,
    set_origin,
    unpack_four_bit,
)

IMOD = 1146047817
ORDERS = list(permutations((1, 2, 3)))


def parsed(**fields) -> MrcHeader:
    """Return the header of a file of which some words differ."""
    return MrcHeader.parse(mrc_bytes(**fields)[:1024])[0]


def labels_in(header: MrcHeader) -> list[bytes]:
    """Return the ten labels as they would be in the file."""
    raw = header.record.tobytes()
    return [raw[start : start + 80].rstrip(b"\0 ") for start in range(224, 1024, 80)]


# ------------------------------------------------------------------ byte order


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_header_keeps_its_bytes_and_its_byte_order(order: str) -> None:
    start = mrc_bytes(order=order, labels=(b"one",), nxstart=-3, imod_stamp=IMOD)[:1024]
    header, notes = MrcHeader.parse(start)
    assert (header.record.tobytes(), header.order, notes) == (start, order, [])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("stamp", [b"\0\0\0\0", b"\x44\x44\0\0", b"\x11\x11\0\0", b"what"])
def test_the_mode_corrects_a_machine_stamp_that_lies(order: str, stamp: bytes) -> None:
    header, notes = MrcHeader.parse(mrc_bytes(order=order, stamp=stamp)[:1024])
    assert header.order == order
    assert header.stored_shape() == (3, 5, 4)
    honest = stamp == (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    assert len(notes) == (not honest)


def test_sizes_tell_the_byte_order_where_the_mode_is_zero_in_both() -> None:
    header, _ = MrcHeader.parse(mrc_bytes(mode=0, order=">", stamp=bytes(4))[:1024])
    assert header.order == ">"


def test_the_stamp_decides_where_neither_byte_order_makes_sense() -> None:
    nonsense = mrc_header(">", mode=-2, nx=5, ny=5, nz=5)
    header, notes = MrcHeader.parse(nonsense)
    assert (header.order, notes) == (">", [])


# ------------------------------------------------------------------ values


@pytest.mark.parametrize("field", ["nx", "ny", "nz"])
@pytest.mark.parametrize("length", [0, -1])
def test_every_axis_has_a_length(field: str, length: int) -> None:
    with pytest.raises(FormatError, match=rf"{length} (columns|rows|sections)"):
        parsed(**{field: length}).stored_shape()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("mode", "dtype"), list(DTYPES.items()))
def test_a_mode_is_a_type(mode: int, dtype: str, order: str) -> None:
    assert parsed(mode=mode, order=order).dtype() == np.dtype(order + dtype)


@pytest.mark.parametrize("mode", [-1, 3, 5, 7, 99])
def test_an_unknown_mode_is_refused_with_the_known_ones(mode: int) -> None:
    header, _ = MrcHeader.parse(mrc_header(nx=1, ny=1, nz=1, mode=mode))
    with pytest.raises(FormatError, match=rf"is {mode} .*modes are 0, 1, 2, 4, 6, 12, 101"):
        header.dtype()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("flags", "dtype"), [(0, "u1"), (1, "i1"), (2, "u1"), (3, "i1")])
def test_bytes_of_imod_are_unsigned_unless_a_flag_says_signed(
    flags: int, dtype: str, order: str
) -> None:
    header = parsed(mode=0, order=order, imod_stamp=IMOD, imod_flags=flags)
    assert header.dtype() == np.dtype(dtype)
    assert header.imod_unsigned() == (dtype == "u1")


def test_without_imods_stamp_its_flags_mean_nothing() -> None:
    assert parsed(mode=0, imod_stamp=IMOD + 1, imod_flags=0).dtype() == np.dtype("i1")


@pytest.mark.parametrize("words", ORDERS)
def test_axis_words_say_which_stored_axis_is_which(words: tuple[int, int, int]) -> None:
    columns, rows, sections = words
    axes, note = parsed(mapc=columns, mapr=rows, maps=sections).axes()
    letters = np.array([sections, rows, columns])
    assert note == ""
    assert list(letters[list(axes)]) == [3, 2, 1]


@pytest.mark.parametrize("words", [(0, 0, 0), (1, 1, 3), (1, 2, 4), (-1, 2, 3)])
def test_nonsense_in_the_axis_words_is_noted(words: tuple[int, int, int]) -> None:
    axes, note = parsed(**dict(zip(("mapc", "mapr", "maps"), words, strict=True))).axes()
    assert axes == (0, 1, 2)
    assert str(words) in note


def test_a_voxel_is_the_cell_divided_by_the_sampling() -> None:
    header = parsed(mx=100, x_length=250.0, my=10, y_length=13.0, mz=7, z_length=7.7)
    assert header.voxel_size() == (1.1, 1.3, 2.5)


@pytest.mark.parametrize("length", [0.0, -1.0, math.nan, math.inf, 1e-30])
@pytest.mark.parametrize("axis", "xyz")
def test_a_cell_without_size_gives_no_voxel_size(axis: str, length: float) -> None:
    assert parsed(**{f"{axis}_length": length}).voxel_size() is None


@pytest.mark.parametrize("name", ["mx", "my", "mz"])
@pytest.mark.parametrize("count", [0, -5])
def test_a_sampling_without_size_gives_no_voxel_size(name: str, count: int) -> None:
    assert parsed(**{name: count}).voxel_size() is None


def test_start_words_count_voxels_along_the_stored_axes() -> None:
    header = parsed(mapc=3, mapr=1, maps=2, nxstart=10, nystart=20, nzstart=30)
    origin, note = header.origin((3.0, 2.0, 1.0))
    assert (origin, note) == ((10 * 3.0, 30 * 2.0, 20 * 1.0), "")


def test_the_origin_words_win_over_the_start_words() -> None:
    origin, note = parsed(x_origin=1.0, z_origin=3.0, nystart=5).origin((1.0, 1.0, 1.0))
    assert origin == (3.0, 0.0, 1.0)
    assert "differ" in note


def test_origin_and_start_words_that_agree_are_not_noted() -> None:
    _, note = parsed(x_origin=7.5, nxstart=5).origin((1.5, 1.5, 1.5))
    assert note == ""


def test_an_origin_that_is_not_a_number_gives_way_to_the_start_words() -> None:
    origin, note = parsed(y_origin=math.inf, nxstart=2).origin((1.0, 1.0, 1.0))
    assert origin == (0.0, 0.0, 2.0)
    assert "not a number" in note


@pytest.mark.parametrize(
    ("ispg", "nz", "mz", "count"),
    [(401, 12, 4, 3), (630, 12, 1, 12), (401, 4, 4, 1), (401, 12, 5, 1), (401, 12, 0, 1),
     (400, 12, 4, 1), (631, 12, 4, 1), (1, 12, 4, 1), (0, 12, 4, 1)],
)  # fmt: skip
def test_only_space_groups_from_401_to_630_are_stacks_of_volumes(
    ispg: int, nz: int, mz: int, count: int
) -> None:
    assert parsed(ispg=ispg, nz=nz, mz=mz).volumes() == count


def test_sections_across_z_are_no_stack_of_volumes() -> None:
    assert parsed(ispg=401, nz=12, mz=4, mapc=3, mapr=2, maps=1).volumes() == 1


@pytest.mark.parametrize(
    ("ispg", "mz", "images"), [(0, 1, True), (0, 3, False), (1, 1, False), (401, 1, False)]
)
def test_images_have_space_group_0_and_one_section(ispg: int, mz: int, images: bool) -> None:
    assert parsed(ispg=ispg, mz=mz).is_image_stack() == images


# ------------------------------------------------------------------ labels


def test_labels_are_read_whatever_their_count_says() -> None:
    labels = (b"first", b"", b"third\0\0", b"  \0 ", b"caf\xe9 3 \xc5  ")
    assert parsed(labels=labels, nlabl=-9).labels() == ["first", "third", "café 3 Å"]


def test_new_labels_follow_the_old_without_gaps() -> None:
    header = parsed(labels=(b"old", b"", b"older"))
    add_labels(header, ("new", "newer"))
    assert labels_in(header) == [b"old", b"older", b"new", b"newer"] + [b""] * 6
    assert int(header.record["nlabl"]) == 4


def test_the_oldest_of_more_than_ten_labels_go() -> None:
    header = parsed(labels=tuple(b"old %d" % number for number in range(8)))
    add_labels(header, tuple(f"new {number}" for number in range(5)))
    kept = [f"old {number}" for number in range(3, 8)] + [f"new {number}" for number in range(5)]
    assert header.labels() == kept
    assert int(header.record["nlabl"]) == 10


def test_a_label_is_80_printable_characters_at_most() -> None:
    header = parsed()
    add_labels(header, ("x" * 100, "low pass at 10 Å\nΔ = 3 µm"))
    assert labels_in(header)[:2] == [b"x" * 80, b"low pass at 10 A ? = 3 ?m"]


def test_old_labels_keep_bytes_that_are_not_ascii() -> None:
    header = parsed(labels=(b"3 \xc5",))
    add_labels(header, ("new",))
    assert labels_in(header)[:2] == [b"3 \xc5", b"new"]


@pytest.mark.parametrize("sentence", ["denoised", "y" * 90, "10 Å"])
def test_a_sentence_that_is_there_is_not_repeated(sentence: str) -> None:
    header = parsed()
    add_labels(header, (sentence,))
    add_labels(header, (sentence,))
    assert len(header.labels()) == 1


# ------------------------------------------------------------------ four bits


@pytest.mark.parametrize("columns", [1, 2, 7, 8])
def test_four_bit_rows_unpack_to_what_was_packed(columns: int, rng: np.random.Generator) -> None:
    voxels = rng.integers(0, 16, (2, 3, columns), dtype=np.uint8)
    even = np.pad(voxels, ((0, 0), (0, 0), (0, columns % 2)), constant_values=9)
    packed = even[..., ::2] + 16 * even[..., 1::2]
    assert packed.shape[-1] == four_bit_row_bytes(columns)
    np.testing.assert_array_equal(unpack_four_bit(packed, columns), voxels)


def test_the_low_four_bits_come_first() -> None:
    assert unpack_four_bit(np.array([[0x21, 0x43]], np.uint8), 3).tolist() == [[1, 2, 3]]


# ------------------------------------------------------------------ making headers


@pytest.mark.parametrize(
    ("dtype", "mode"),
    [("bool", 0), ("i1", 0), ("i2", 1), ("u1", 6), ("u2", 6), ("f2", 12), ("f4", 2), ("f8", 2),
     ("i4", 2), ("u4", 2), ("i8", 2), (">f4", 2), (">i2", 1), ("c8", 4), ("c16", 4)],
)  # fmt: skip
def test_a_type_has_a_mode(dtype: str, mode: int) -> None:
    assert mode_of(np.dtype(dtype)) == mode


@pytest.mark.parametrize(("dtype", "mode"), [("u1", 0), ("i1", 1), ("bool", 0), ("f4", 2)])
def test_imods_unsigned_bytes_stay_bytes_and_signed_ones_do_not_wrap(dtype: str, mode: int) -> None:
    unsigned = parsed(mode=0, imod_stamp=IMOD)
    assert mode_of(np.dtype(dtype), unsigned) == mode


def test_a_new_header_is_a_complete_mrc2014_header() -> None:
    raw = build((3, 5, 4), 2).record.tobytes()
    assert struct.unpack_from("<10i", raw) == (4, 5, 3, 2, 0, 0, 0, 4, 5, 3)
    assert struct.unpack_from("<3f3i", raw, 52) == (90.0, 90.0, 90.0, 1, 2, 3)
    assert struct.unpack_from("<2i", raw, 88) == (1, 0)
    assert struct.unpack_from("<i", raw, 108) == (20141,)
    assert raw[208:216] == b"MAP \x44\x44\0\0"


def test_a_new_stack_of_volumes_says_how_deep_each_is() -> None:
    header = build((6, 3, 5, 4), 2)
    assert header.stored_shape() == (18, 5, 4)
    assert (header.volumes(), int(header.record["ispg"])) == (6, 401)


def test_the_header_of_a_stack_is_not_inherited_by_one_volume() -> None:
    assert build((3, 5, 4), 2, build((6, 3, 5, 4), 2)).volumes() == 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_a_header_held_is_inherited(order: str) -> None:
    old = parsed(order=order, alpha=80.0, ispg=19, exttyp=b"FEI1", labels=(b"kept",), nystart=4)
    old = MrcHeader(old.record, b"extended")
    new = build((7, 6, 5), 1, old)
    assert (new.order, new.extended, new.labels()) == (order, b"extended", ["kept"])
    assert (new.stored_shape(), int(new.record["mode"])) == ((7, 6, 5), 1)
    assert [int(new.record[name]) for name in ("ispg", "nystart", "nsymbt")] == [19, 4, 8]
    assert float(new.record["cellb"]["alpha"]) == 80.0
    assert bytes(new.record["exttyp"]) == b"FEI1"
    assert MrcHeader.parse(new.record.tobytes())[1] == []


def test_inheriting_leaves_the_old_header_as_it_was() -> None:
    old = parsed(mapc=2, mapr=1, maps=3)
    before = old.record.tobytes()
    set_cell(build((9, 9, 9), 0, old), (1.0, 1.0, 1.0))
    assert old.record.tobytes() == before


@pytest.mark.parametrize("words", ORDERS)
def test_data_brought_into_order_keep_their_origin(words: tuple[int, int, int]) -> None:
    columns, rows, sections = words
    starts = {"nxstart": 10, "nystart": 20, "nzstart": 30}
    old = parsed(mapc=columns, mapr=rows, maps=sections, **starts)
    new = build((3, 5, 4), 2, old)
    assert new.axes() == ((0, 1, 2), "")
    assert new.origin((3.0, 2.0, 1.0)) == old.origin((3.0, 2.0, 1.0))


@pytest.mark.parametrize("voxel_size", [(3.5, 2.25, 1.0), (1e4, 1e-3, 0.731)])
def test_the_voxel_size_comes_back(voxel_size: tuple[float, float, float]) -> None:
    header = build((30, 50, 40), 2)
    set_cell(header, voxel_size)
    assert header.voxel_size() == pytest.approx(voxel_size, rel=1e-6)


def test_an_unknown_voxel_size_stays_unknown() -> None:
    header = parsed()
    set_cell(header, None)
    assert header.voxel_size() is None


def test_an_origin_that_the_start_words_give_leaves_them() -> None:
    header = parsed(nxstart=-4, nystart=7, nzstart=11)
    before = header.record.tobytes()
    set_origin(header, (16.5, 10.5, -6.0), (1.5, 1.5, 1.5))
    assert header.record.tobytes() == before


@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (1.25, -2.5, 1000.0)])
def test_another_origin_replaces_start_and_origin_words(origin: tuple[float, float, float]) -> None:
    header = parsed(nxstart=-4, x_origin=-6.0)
    set_origin(header, origin, (1.5, 1.5, 1.5))
    assert header.origin((1.5, 1.5, 1.5)) == (origin, "")
    assert int(header.record["nxstart"]) == 0
