"""FITS files, and which reader and writer a file gets."""

import bz2
import errno
import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits as astropy_fits

from helpers import fits_unit, mrc_bytes, numbers, run_python
from napari_cryonet import Points, io
from napari_cryonet.errors import FileProblem, FormatError, OutputExists
from napari_cryonet.io import fits
from napari_cryonet.io.text import ascii_text
from napari_cryonet.types import ImageStack, Volume

IMAGE = numbers("f4", (5, 4))
EXTENSION = "XTENSION= 'IMAGE   '"
NM = {"CDELT1": 20.0, "CDELT2": 30.0, "CUNIT1": "'nm'", "CUNIT2": "'nm'"}


def file(folder: Path, content: bytes, name: str = "a.fits") -> Path:
    """Make a file."""
    path = folder / name
    path.write_bytes(content)
    return path


def only(path: Path) -> ImageStack:
    """Read the one image of a file."""
    (images,) = fits.read(path)
    return images


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4), (1, 1, 5, 4), (2, 3, 5, 4), (1, 1)])
def test_images_are_read_in_the_byte_order_of_the_machine(
    dtype: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    path = file(tmp_path, fits_unit(numbers(dtype, shape)))
    images = only(path)
    assert images.data.dtype == np.dtype(dtype)
    assert images.data.dtype.isnative
    np.testing.assert_array_equal(images.data, numbers(dtype, shape))
    assert (images.name, images.path, images.notes) == ("a", path, ())
    assert (images.unit, images.pixel_size) == ("nm", None)


def test_the_first_row_of_the_file_is_row_0(tmp_path: Path) -> None:
    content = fits_unit(np.array([[1, 2], [3, 4]], np.int16))
    assert content[2880:2888] == b"\0\1\0\2\0\3\0\4"
    assert only(file(tmp_path, content)).data.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("stored", "zero", "dtype"), [("i2", 32768, "u2"), ("u1", -128, "i1"), ("i4", 2**31, "u4")]
)
def test_an_offset_gives_the_types_that_fits_does_not_know(
    stored: str, zero: int, dtype: str, tmp_path: Path
) -> None:
    data = numbers(dtype, (5, 4))
    shifted = (data.astype(np.int64) - zero).astype(stored)
    images = only(file(tmp_path, fits_unit(shifted, BZERO=zero, BSCALE=1)))
    assert images.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(images.data, data)


def test_blank_pixels_of_scaled_integers_are_not_numbers(tmp_path: Path) -> None:
    stored = np.array([[0, 1, 2], [-99, 3, -99]], np.int16)
    images = only(file(tmp_path, fits_unit(stored, BSCALE=2.0, BZERO=10.0, BLANK=-99)))
    expected = [[10.0, 12.0, 14.0], [np.nan, 16.0, np.nan]]
    np.testing.assert_array_equal(images.data, expected)
    assert images.data.dtype.kind == "f"


def test_every_image_of_a_file_is_read_and_named(tmp_path: Path) -> None:
    table = astropy_fits.BinTableHDU.from_columns(
        [astropy_fits.Column("x", "E", array=np.arange(3.0))]
    )
    units = [
        astropy_fits.PrimaryHDU(),
        astropy_fits.ImageHDU(IMAGE, name="SCI"),
        table,
        astropy_fits.ImageHDU(IMAGE + 1),
    ]
    path = tmp_path / "beam.fitted.fits"
    astropy_fits.HDUList(units).writeto(path)
    first, second = fits.read(path)
    assert (first.name, second.name) == ("beam.fitted SCI", "beam.fitted 2")
    np.testing.assert_array_equal(first.data, IMAGE)
    np.testing.assert_array_equal(second.data, IMAGE + 1)


@pytest.mark.parametrize("kind", ["GZIP_1", "GZIP_2", "RICE_1", "HCOMPRESS_1", "PLIO_1"])
def test_tiles_are_decompressed(kind: str, tmp_path: Path) -> None:
    data = np.arange(40 * 32, dtype=np.int16).reshape(40, 32)
    astropy_fits.HDUList(
        [astropy_fits.PrimaryHDU(), astropy_fits.CompImageHDU(data, compression_type=kind)]
    ).writeto(tmp_path / "a.fits.fz")
    images = only(tmp_path / "a.fits.fz")
    np.testing.assert_array_equal(images.data, data)
    assert images.name == "a"


@pytest.mark.parametrize(
    ("name", "packed"),
    [("a.fits.gz", gzip.compress), ("a.fit", gzip.compress), ("a.FITS.bz2", bz2.compress)],
)
def test_compression_is_found_by_content(name: str, packed, tmp_path: Path) -> None:
    images = only(file(tmp_path, packed(fits_unit(IMAGE)), name))
    np.testing.assert_array_equal(images.data, IMAGE)
    assert images.name == "a"


@pytest.mark.parametrize(
    ("unit", "nanometres"),
    [("nm", 1.0), ("um", 1e3), ("micron", 1e3), ("mm", 1e6), ("m", 1e9), ("Angstrom", 0.1)],
)
def test_pixel_sizes_are_nanometres(unit: str, nanometres: float, tmp_path: Path) -> None:
    cards = {"CDELT1": 2.0, "CDELT2": -3.0, "CUNIT1": f"'{unit}'", "CUNIT2": f"'{unit}'"}
    images = only(file(tmp_path, fits_unit(IMAGE, **cards)))
    assert images.pixel_size == pytest.approx((3.0 * nanometres, 2.0 * nanometres))


@pytest.mark.parametrize(
    "change",
    [{"CUNIT1": "'deg'"}, {"CDELT2": 0.0}, {"CDELT1": "'wide'"}, {"CUNIT2": "''"}],
)
def test_other_steps_are_no_pixel_size(change: dict[str, object], tmp_path: Path) -> None:
    images = only(file(tmp_path, fits_unit(IMAGE, **{**NM, **change})))
    assert images.pixel_size is None


def test_one_axis_is_read_and_noted(tmp_path: Path) -> None:
    images = only(file(tmp_path, fits_unit(numbers("f4", (7,)))))
    assert images.images.shape == (1, 1, 7)
    assert "one axis" in images.notes[0]


def test_a_file_without_its_padding_is_read_and_noted(tmp_path: Path) -> None:
    content = fits_unit(IMAGE)[: 2880 + IMAGE.nbytes]
    images = only(file(tmp_path, content))
    np.testing.assert_array_equal(images.data, IMAGE)
    assert "truncated" in images.notes[0]


def test_values_that_are_not_numbers_are_kept(tmp_path: Path) -> None:
    data = IMAGE.copy()
    data[0, :2] = np.nan, np.inf
    np.testing.assert_array_equal(only(file(tmp_path, fits_unit(data))).data, data)


# ------------------------------------------------------------------ refusing


def test_a_file_without_image_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    table = astropy_fits.TableHDU.from_columns(
        [astropy_fits.Column("x", "E10.3", array=np.arange(3.0))]
    )
    path = tmp_path / "a.fits"
    astropy_fits.HDUList([astropy_fits.PrimaryHDU(), table]).writeto(path)
    with pytest.raises(FormatError, match=r"a\.fits holds no image, only: Primary, Table\."):
        fits.read(path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(fits_unit(), id="no_image"),
        pytest.param(fits_unit(numbers("f4", (50, 60)))[:4000], id="truncated"),
        pytest.param(fits_unit(IMAGE)[:400], id="header_cut"),
        pytest.param(fits_unit(IMAGE, NAXIS1=-4), id="negative_axis"),
        pytest.param(b"a page of text\n" * 300, id="text"),
        pytest.param(gzip.compress(fits_unit(IMAGE))[:40], id="gzip_cut"),
        pytest.param(gzip.compress(fits_unit(IMAGE))[:10] + b"\xff" * 500, id="gzip_damaged"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = file(tmp_path, content)
    with pytest.raises(FormatError) as caught:
        io.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"Cannot read .*missing\.fits: No such file"):
        fits.read(tmp_path / "missing.fits")


def test_damaged_bytes_never_end_in_another_error(tmp_path: Path, rng: np.random.Generator) -> None:
    start = fits_unit(numbers("i2", (5, 4)), BSCALE=2.0, BLANK=0, **NM)
    read, refused = 0, 0
    for _ in range(150):
        content = bytearray(start)
        content[rng.integers(1000)] = rng.integers(32, 127)
        try:
            fits.read(file(tmp_path, bytes(content)))
            read += 1
        except FormatError as error:
            refused += 1
            assert "a.fits" in str(error)  # noqa: PT017
    assert read > 10
    assert refused > 10


# ------------------------------------------------------------------ writing


@pytest.mark.parametrize(
    ("dtype", "back"),
    [("u1", "u1"), ("i1", "i1"), ("i2", "i2"), ("u2", "u2"), ("i4", "i4"), ("u4", "u4"),
     ("i8", "i8"), ("u8", "u8"), ("f4", "f4"), ("f8", "f8"), (">f4", "f4"), (">i2", "i2"),
     ("f2", "f4")],
)  # fmt: skip
def test_values_of_every_type_come_back(dtype: str, back: str, tmp_path: Path) -> None:
    data = numbers(np.dtype(dtype).newbyteorder("=").str, (3, 5, 4)).astype(dtype)
    fits.write(tmp_path / "a.fits", ImageStack(data))
    images = only(tmp_path / "a.fits")
    assert images.data.dtype == np.dtype(back)
    np.testing.assert_array_equal(images.data, data.astype(back))


def test_truth_values_become_bytes(tmp_path: Path) -> None:
    fits.write(tmp_path / "a.fits", ImageStack(np.eye(3, dtype=bool)))
    np.testing.assert_array_equal(only(tmp_path / "a.fits").data, np.eye(3, dtype=np.uint8))


def test_complex_images_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="not complex"):
        fits.write(tmp_path / "a.fits", ImageStack(np.ones((2, 2), complex)))
    assert list(tmp_path.iterdir()) == []


def test_any_layout_in_memory_is_written_in_order(tmp_path: Path) -> None:
    data = np.asfortranarray(IMAGE)[::-1]
    fits.write(tmp_path / "a.fits", ImageStack(data))
    np.testing.assert_array_equal(only(tmp_path / "a.fits").data, data)


@pytest.mark.parametrize(
    ("unit", "pixel_size", "back"),
    [("nm", (30.0, 20.0), (30.0, 20.0)), ("Å", (30.0, 20.0), (3.0, 2.0)), ("nm", None, None)],
)
def test_pixel_sizes_come_back_in_nanometres(unit, pixel_size, back, tmp_path: Path) -> None:
    fits.write(tmp_path / "a.fits", ImageStack(IMAGE, pixel_size, unit))
    assert only(tmp_path / "a.fits").pixel_size == (back and pytest.approx(back))


def test_the_cards_of_a_file_are_kept(tmp_path: Path) -> None:
    cards = {"OBJECT": "'tubulin '", "EXPTIME": 0.05, "NORMALIS": "'max'"}
    first = only(file(tmp_path, fits_unit(IMAGE, **cards, **NM)))
    fits.write(tmp_path / "b.fits", first)
    second = only(tmp_path / "b.fits")
    kept = [second.header[name] for name in ("OBJECT", "EXPTIME", "NORMALIS")]
    assert kept == ["tubulin", 0.05, "max"]
    assert second.pixel_size == (30.0, 20.0)


def test_cards_that_scale_do_not_scale_twice(tmp_path: Path) -> None:
    stored = np.array([[0, 1, 2], [-99, 3, 4]], np.int16)
    first = only(file(tmp_path, fits_unit(stored, BSCALE=2.0, BZERO=10.0, BLANK=-99)))
    fits.write(tmp_path / "b.fits", first)
    second = only(tmp_path / "b.fits")
    np.testing.assert_array_equal(second.data, first.data)
    assert second.notes == ()


def test_an_extension_is_written_as_a_file_of_its_own(tmp_path: Path) -> None:
    content = fits_unit() + fits_unit(IMAGE, EXTENSION, EXTNAME="'SCI'")
    first = only(file(tmp_path, content))
    fits.write(tmp_path / "b.fits", first)
    np.testing.assert_array_equal(only(tmp_path / "b.fits").data, IMAGE)
    assert (tmp_path / "b.fits").read_bytes().startswith(b"SIMPLE")


def test_the_history_is_kept_in_ascii(tmp_path: Path) -> None:
    history = ("Denoised at 10 Å,\nσ = 2", "x" * 200)
    fits.write(tmp_path / "a.fits", ImageStack(IMAGE, history=history))
    cards = list(only(tmp_path / "a.fits").header["HISTORY"])
    assert cards[0] == "Denoised at 10 A, ? = 2"
    assert "".join(cards[1:]) == "x" * 200


@pytest.mark.parametrize(
    ("sentence", "ascii_only"),
    [("plain", "plain"), ("3.5 Å", "3.5 A"), ("µ – ×", "? ? ?"), ("a\n\tb  c ", "a b c"), ("", "")],
)
def test_sentences_for_headers_are_one_line_of_ascii(sentence: str, ascii_only: str) -> None:
    assert ascii_text(sentence) == ascii_only


@pytest.mark.parametrize("name", ["a.fits.gz", "A.FIT.GZ"])
def test_a_name_ending_in_gz_makes_a_gzip_file(name: str, tmp_path: Path) -> None:
    fits.write(tmp_path / name, ImageStack(IMAGE))
    assert gzip.decompress((tmp_path / name).read_bytes()).startswith(b"SIMPLE")
    np.testing.assert_array_equal(only(tmp_path / name).data, IMAGE)


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = file(tmp_path, b"precious")
    with pytest.raises(OutputExists, match=r"a\.fits already exists"):
        fits.write(path, ImageStack(IMAGE))
    assert path.read_bytes() == b"precious"
    fits.write(path, ImageStack(IMAGE), overwrite=True)
    np.testing.assert_array_equal(only(path).data, IMAGE)


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz"])
def test_a_full_disk_is_reported_and_changes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = file(tmp_path, b"precious", name)
    monkeypatch.setattr(astropy_fits.PrimaryHDU, "writeto", full)
    with pytest.raises(FileProblem, match=rf"Cannot write .*{name}: No space left on device"):
        fits.write(path, ImageStack(IMAGE), overwrite=True)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


# ------------------------------------------------------------------ which reader


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.fits", fits_unit(IMAGE)),
        ("a.mrc", fits_unit(IMAGE)),
        ("a.mrc.gz", gzip.compress(fits_unit(IMAGE))),
        ("without", fits_unit(IMAGE)),
    ],
)
def test_fits_is_known_by_its_content(name: str, content: bytes, tmp_path: Path) -> None:
    thing = io.read(file(tmp_path, content, name))
    assert isinstance(thing, ImageStack)
    np.testing.assert_array_equal(thing.data, IMAGE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mrc", mrc_bytes()),
        ("a.fits", mrc_bytes()),
        ("a.fits.gz", gzip.compress(mrc_bytes())),
        ("without", mrc_bytes()),
        ("a.tomogram", mrc_bytes()),
        ("old.mrc", mrc_bytes(map=bytes(4))),
    ],
)
def test_mrc_is_known_by_its_content(name: str, content: bytes, tmp_path: Path) -> None:
    volume = io.read(str(file(tmp_path, content, name)))
    assert isinstance(volume, Volume)
    np.testing.assert_array_equal(volume.data, numbers())


def test_where_the_content_is_of_neither_the_name_decides(tmp_path: Path) -> None:
    for name, kind in (("a.fits", "FITS"), ("b.fz", "FITS"), ("c.mrc", "MRC"), ("d.dat", "MRC")):
        with pytest.raises(FormatError, match=f"{name} cannot be read as {kind}"):
            io.read(file(tmp_path, b"neither of the two", name))


def test_a_git_lfs_pointer_is_called_what_it_is(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    with pytest.raises(FormatError, match=r"a\.map.* Git LFS pointer.*never fetched"):
        io.read(file(tmp_path, pointer, "a.map"))


@pytest.mark.parametrize("read", [io.read, io.read_all, io.read_volume])
def test_folders_and_missing_files_are_named(read, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="is a folder; choose a file"):
        read(tmp_path)
    with pytest.raises(FileProblem, match=r"Cannot read .*missing\.mrc: No such file"):
        read(tmp_path / "missing.mrc")


def test_files_that_may_not_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(FileProblem, match=r"Cannot read .*a\.mrc: Permission denied"):
        io.read(tmp_path / "a.mrc")


def test_read_gives_one_thing_and_read_all_gives_all(tmp_path: Path) -> None:
    path = file(tmp_path, fits_unit(IMAGE) + fits_unit(IMAGE, EXTENSION))
    with pytest.raises(FormatError, match=r"a\.fits holds 2 images"):
        io.read(path)
    assert len(io.read_all(path)) == 2
    assert len(io.read_all(file(tmp_path, mrc_bytes(), "a.mrc"))) == 1


def test_read_volume_gives_a_volume_and_nothing_else(tmp_path: Path) -> None:
    assert io.read_volume(file(tmp_path, mrc_bytes(), "a.mrc")).shape == (3, 5, 4)
    stack = mrc_bytes(2, numbers("f4", (6, 5, 4)), ispg=401, mz=3)
    for content, what in (
        (mrc_bytes(ispg=0, mz=1), "images"),
        (stack, "several volumes"),
        (fits_unit(IMAGE), "images"),
    ):
        with pytest.raises(FormatError, match=f"holds {what}; one volume is needed"):
            io.read_volume(file(tmp_path, content, "b.mrc"))


# ------------------------------------------------------------------ which writer


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.mrc", b""), ("a.MRC", b""), ("a.rec", b""), ("a.map.gz", b"\x1f\x8b"), ("a.b.st", b""),
     ("a.fits", b"SIMPLE"), ("a.FIT", b"SIMPLE"), ("a.fts", b"SIMPLE"), ("a.fits.gz", b"\x1f\x8b")],
)  # fmt: skip
def test_the_name_chooses_the_format(name: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    io.write(str(path), ImageStack(numbers(), (2.0, 2.0)))
    content = path.read_bytes()
    assert content.startswith(start)
    assert (b"MAP " in content) == (start == b"")
    back = io.read(path)
    assert isinstance(back, ImageStack)
    np.testing.assert_array_equal(back.data, numbers())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.tif", ".tif"),
        ("a.mrc.bz2", ".bz2"),
        ("a.fits.fz", ".fz"),
        ("a", "a file without a suffix"),
        ("a.gz", "a file without a suffix"),
        (".mrc", "a file without a suffix"),
    ],
)
def test_an_unknown_suffix_is_refused_with_the_known_ones(
    name: str, shown: str, tmp_path: Path
) -> None:
    with pytest.raises(FormatError) as caught:
        io.write(tmp_path / name, ImageStack(IMAGE))
    message = str(caught.value)
    assert f"Cannot write ImageStack as {shown}: volumes are written as .mrc" in message
    assert message.endswith("images also as .fits .fit .fts.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("a.fits", Volume(numbers())),
        ("a.mrc", Points(np.zeros((1, 3)))),
        ("a.star", Volume(numbers())),
    ],
)
def test_a_format_that_cannot_hold_a_thing_is_refused(name: str, thing, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=f"Cannot write {type(thing).__name__} as "):
        io.write(tmp_path / name, thing)


@pytest.mark.parametrize("name", ["a.mrc", "a.fits"])
def test_overwriting_is_asked_for(name: str, tmp_path: Path) -> None:
    path = file(tmp_path, b"precious", name)
    with pytest.raises(OutputExists, match="--overwrite"):
        io.write(path, ImageStack(IMAGE))
    io.write(path, ImageStack(IMAGE), overwrite=True)
    assert isinstance(io.read(path), ImageStack)


def test_the_public_names_are_what_was_meant() -> None:
    assert io.__all__ == [
        "CoordinateSettings",
        "fingerprint",
        "read",
        "read_all",
        "read_card",
        "read_model",
        "read_volume",
        "write",
        "write_model",
    ]


def test_fits_is_read_without_torch_and_napari(tmp_path: Path) -> None:
    path = file(tmp_path, fits_unit(IMAGE))
    done = run_python(
        "import sys, napari_cryonet\n"
        f"assert napari_cryonet.read({str(path)!r}).shape == (5, 4)\n"
        "heavy = {'torch', 'napari', 'qtpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    assert done.returncode == 0, done.stderr
