"""MRC files: what is read of the odd ones, what is refused, and that writing loses nothing."""

import errno
import gzip
import io
import os
from pathlib import Path

import mrcfile
import numpy as np
import psutil
import pytest

from helpers import (
    DTYPES,
    SHAPE,
    Readable,
    Refused,
    four_bit_bytes,
    mrc_bytes,
    mrc_header,
    numbers,
    readable_mrc,
    refused_mrc,
    run_python,
)
from napari_cryonet.errors import FileProblem, FormatError, OutputExists
from napari_cryonet.io import mrc
from napari_cryonet.io.mrc_header import MrcHeader
from napari_cryonet.reporting import Cancelled, RecordingReporter
from napari_cryonet.types import ImageStack, Volume

IMOD = 1146047817
ORDERS = [(1, 2, 3), (2, 1, 3), (3, 1, 2), (1, 3, 2), (2, 3, 1), (3, 2, 1)]


def file(folder: Path, content: bytes, name: str = "a.mrc") -> Path:
    """Make a file."""
    path = folder / name
    path.write_bytes(content)
    return path


def read_volume(path: Path) -> Volume:
    """Read a file that holds a volume."""
    thing = mrc.read(path)
    assert isinstance(thing, Volume)
    return thing


def read_images(path: Path) -> ImageStack:
    """Read a file that holds images."""
    thing = mrc.read(path)
    assert isinstance(thing, ImageStack)
    return thing


def interrupted(path: Path, error: BaseException) -> None:
    """Start to write a file and raise half way."""
    with mrc.create(path, Volume(numbers()), "f4", overwrite=True) as out:
        out[0] = 1
        raise error


def header_of(path: Path) -> MrcHeader:
    """Return the header of a file that is not compressed."""
    return MrcHeader.parse(path.read_bytes()[:1024])[0]


def without_statistics(path: Path) -> list[bytes]:
    """Return all of a file but dmin, dmax, dmean and rms, which are measured anew."""
    content = path.read_bytes()
    return [content[:76], content[88:216], content[220:]]


def assert_valid(path: Path) -> None:
    """Check a file with mrcfile's own list of rules."""
    complaints = io.StringIO()
    assert mrcfile.validate(path, print_file=complaints), complaints.getvalue()


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize("case", readable_mrc(), ids=lambda case: case.name)
def test_odd_files_are_read_and_the_oddity_is_noted(case: Readable, tmp_path: Path) -> None:
    path = file(tmp_path, case.content, case.name)
    volume = read_volume(path)
    assert volume.data.dtype.newbyteorder("=") == case.data.dtype
    np.testing.assert_array_equal(volume.data, case.data)
    assert volume.voxel_size == case.voxel_size
    assert volume.origin == case.origin
    assert len(volume.notes) == bool(case.note), volume.notes
    assert case.note in "".join(volume.notes)
    assert (volume.path, volume.name) == (path, case.name.split(".")[0])


@pytest.mark.parametrize("case", refused_mrc(), ids=lambda case: case.name)
def test_what_cannot_be_read_is_refused_with_name_and_reason(case: Refused, tmp_path: Path) -> None:
    path = file(tmp_path, case.content, case.name)
    with pytest.raises(FormatError) as caught:
        mrc.read(path)
    message = str(caught.value)
    assert case.reason in message
    assert message.count(str(path)) == 1


@pytest.mark.parametrize("words", ORDERS)
def test_axes_are_brought_into_the_order_z_y_x(words: tuple[int, int, int], tmp_path: Path) -> None:
    columns, rows, sections = words
    data = numbers()
    stored = data.transpose(3 - sections, 3 - rows, 3 - columns)
    cell = {"x_length": 4.0, "y_length": 10.0, "z_length": 9.0, "mx": 4, "my": 5, "mz": 3}
    starts = {"nxstart": 10, "nystart": 20, "nzstart": 30}
    along = dict(zip(words, (10, 20, 30), strict=True))
    content = mrc_bytes(2, stored, mapc=columns, mapr=rows, maps=sections, **cell, **starts)
    volume = read_volume(file(tmp_path, content))
    np.testing.assert_array_equal(volume.data, data)
    assert volume.voxel_size == (3.0, 2.0, 1.0)
    assert volume.origin == (along[3] * 3.0, along[2] * 2.0, along[1] * 1.0)
    assert isinstance(volume.data, np.memmap)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"Cannot read .*missing\.mrc: No such file"):
        mrc.read(tmp_path / "missing.mrc")


def test_a_reading_error_of_the_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = file(tmp_path, mrc_bytes())
    monkeypatch.setattr(np, "memmap", broken)
    with pytest.raises(FileProblem, match=r"a\.mrc: Input/output error"):
        mrc.read(path)


def test_reading_maps_the_file_and_never_writes_to_it(tmp_path: Path) -> None:
    data = read_volume(file(tmp_path, mrc_bytes())).data
    assert isinstance(data, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        data[0, 0, 0] = 1


def test_opening_a_large_file_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.mrc"
    path.write_bytes(mrc_header(nx=512, ny=512, nz=200, mode=2, ispg=1))
    os.truncate(path, 1024 + 512 * 512 * 200 * 4)
    process = psutil.Process()
    before = process.memory_info().rss
    volume = read_volume(path)
    assert process.memory_info().rss - before < 20e6
    assert volume.data.nbytes > 200e6


def test_a_header_that_promises_too_much_costs_no_memory(tmp_path: Path) -> None:
    path = file(tmp_path, gzip.compress(mrc_bytes(nx=2**20, ny=2**20, nz=2**20)), "a.mrc.gz")
    before = psutil.Process().memory_info().rss
    with pytest.raises(FormatError, match="promises"):
        mrc.read(path)
    assert psutil.Process().memory_info().rss - before < 20e6


def test_not_all_planes_of_a_large_file_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.full((8, 3, 2), np.nan, np.float32)
    path = file(tmp_path, mrc_bytes(2, data))
    assert read_volume(path).notes == ("48 voxels are not numbers (NaN or infinite).",)
    monkeypatch.setattr(mrc, "_CHECKED_BYTES", 0)
    assert read_volume(path).notes == ("At least 18 voxels are not numbers (NaN or infinite).",)


def test_the_only_plane_of_a_large_image_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mrc, "_CHECKED_BYTES", 0)
    path = file(tmp_path, mrc_bytes(2, np.full((1, 3, 2), np.nan, np.float32)))
    assert "At least 6 voxels" in read_volume(path).notes[0]


def test_decompression_reports_and_can_be_stopped(tmp_path: Path) -> None:
    path = file(tmp_path, gzip.compress(mrc_bytes()), "a.mrc.gz")
    report = RecordingReporter()
    mrc.read(path, report)
    assert report.steps == [{"done": 240, "total": 240}]
    with pytest.raises(Cancelled):
        mrc.read(path, RecordingReporter(stop_after=0))


def test_reading_a_map_loads_neither_torch_nor_napari(tmp_path: Path) -> None:
    path = file(tmp_path, mrc_bytes())
    done = run_python(
        "import sys, napari_cryonet\n"
        f"assert napari_cryonet.read({str(path)!r}).shape == {SHAPE}\n"
        "heavy = {'torch', 'napari', 'qtpy', 'astropy', 'magicgui', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------ what a file holds


def test_a_stack_of_volumes_has_four_axes(tmp_path: Path) -> None:
    data = numbers("f4", (2, *SHAPE))
    content = mrc_bytes(2, data.reshape(6, 5, 4), ispg=401, mz=3, z_length=4.5)
    volume = read_volume(file(tmp_path, content))
    np.testing.assert_array_equal(volume.data, data)
    assert volume.voxel_size == (1.5, 1.5, 1.5)
    assert isinstance(volume.data, np.memmap)


def test_images_say_so_in_the_header(tmp_path: Path) -> None:
    images = read_images(file(tmp_path, mrc_bytes(ispg=0, mz=1, z_length=7.0)))
    np.testing.assert_array_equal(images.data, numbers())
    assert (images.pixel_size, images.spacing, images.unit) == ((1.5, 1.5), 7.0, "Å")


@pytest.mark.parametrize("suffix", [".mrcs", ".st", ".ali", ".preali", ".ST", ".st.gz"])
def test_or_in_the_name(suffix: str, tmp_path: Path) -> None:
    content = gzip.compress(mrc_bytes()) if suffix.endswith("gz") else mrc_bytes()
    assert read_images(file(tmp_path, content, f"a{suffix}")).name == "a"


def test_one_image_has_two_axes(tmp_path: Path) -> None:
    content = mrc_bytes(2, numbers()[:1], ispg=0)
    images = read_images(file(tmp_path, content))
    assert (images.shape, images.spacing) == ((5, 4), None)
    assert read_volume(file(tmp_path, mrc_bytes(2, numbers()[:1]))).shape == (1, 5, 4)


def test_images_without_a_cell_have_no_pixel_size(tmp_path: Path) -> None:
    images = read_images(file(tmp_path, mrc_bytes(ispg=0, mz=1, x_length=0.0)))
    assert (images.pixel_size, images.spacing) == (None, None)
    assert "no voxel size" in images.notes[0]


# ------------------------------------------------------------------ writing volumes


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode", list(DTYPES))
def test_a_file_survives_reading_and_writing(mode: int, order: str, tmp_path: Path) -> None:
    start = mrc_bytes(
        mode,
        order=order,
        extended=bytes(range(160)),
        exttyp=b"CCP4",
        labels=(b"one", b"two"),
        nversion=20141,
        ispg=19,
        alpha=80.0,
        beta=95.5,
        gamma=120.0,
        nxstart=-4,
        nystart=7,
        imod_stamp=IMOD,
        imod_flags=1,
    )
    first = file(tmp_path, start)
    second = tmp_path / "b.mrc"
    mrc.write(second, read_volume(first))
    assert without_statistics(second) == without_statistics(first)
    assert_valid(second)


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("bool", "i1"), ("i1", "i1"), ("u1", "u2"), ("i2", "i2"), ("u2", "u2"), ("f2", "f2"),
     ("f4", "f4"), ("f8", "f4"), ("i4", "f4"), ("u4", "f4"), ("i8", "f4"), ("c8", "c8"),
     ("c16", "c8"), (">f4", "f4"), (">u2", "u2")],
)  # fmt: skip
def test_values_of_every_type_are_kept(dtype: str, stored: str, tmp_path: Path) -> None:
    data = (np.arange(60).reshape(SHAPE) % 100).astype(dtype)
    path = tmp_path / "a.mrc"
    mrc.write(path, Volume(data, (1.0, 1.0, 1.0)))
    back = read_volume(path)
    assert back.data.dtype == np.dtype(stored)
    np.testing.assert_array_equal(back.data, data.astype(stored))
    assert_valid(path)


def test_imods_unsigned_bytes_stay_unsigned_bytes(tmp_path: Path) -> None:
    data = numbers("u1")
    first = read_volume(file(tmp_path, mrc_bytes(0, data, imod_stamp=IMOD)))
    mrc.write(tmp_path / "b.mrc", first)
    back = read_volume(tmp_path / "b.mrc")
    assert back.data.dtype == np.uint8
    np.testing.assert_array_equal(back.data, data)


def test_negative_bytes_do_not_wrap_under_imods_header(tmp_path: Path) -> None:
    first = read_volume(file(tmp_path, mrc_bytes(0, numbers("u1"), imod_stamp=IMOD)))
    data = numbers("i1")
    mrc.write(tmp_path / "b.mrc", first.changed(data, "Labelled"))
    np.testing.assert_array_equal(read_volume(tmp_path / "b.mrc").data, data)


def test_four_bits_become_more(tmp_path: Path) -> None:
    content, voxels = four_bit_bytes()
    mrc.write(tmp_path / "b.mrc", read_volume(file(tmp_path, content)))
    back = read_volume(tmp_path / "b.mrc")
    assert back.data.dtype == np.uint16
    np.testing.assert_array_equal(back.data, voxels)


@pytest.mark.parametrize("words", ORDERS)
def test_permuted_axes_are_written_in_order(words: tuple[int, int, int], tmp_path: Path) -> None:
    columns, rows, sections = words
    stored = numbers().transpose(3 - sections, 3 - rows, 3 - columns)
    cell = {"x_length": 4.0, "y_length": 10.0, "z_length": 9.0, "mx": 4, "my": 5, "mz": 3}
    starts = {"nxstart": 10, "nystart": 20, "nzstart": 30}
    content = mrc_bytes(2, stored, mapc=columns, mapr=rows, maps=sections, **cell, **starts)
    first = read_volume(file(tmp_path, content))
    mrc.write(tmp_path / "b.mrc", first)
    back = read_volume(tmp_path / "b.mrc")
    np.testing.assert_array_equal(back.data, numbers())
    assert (back.voxel_size, back.origin) == (first.voxel_size, first.origin)
    assert header_of(tmp_path / "b.mrc").axes()[0] == (0, 1, 2)
    assert_valid(tmp_path / "b.mrc")


@pytest.mark.parametrize("voxel_size", [(3.5, 2.25, 1.0), (13.48, 13.48, 13.48), None])
@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (-100.5, 20.25, 3.0)])
def test_voxel_size_and_origin_come_back(voxel_size, origin, tmp_path: Path) -> None:
    mrc.write(tmp_path / "a.mrc", Volume(numbers(), voxel_size, origin))
    back = read_volume(tmp_path / "a.mrc")
    assert back.voxel_size == (voxel_size and pytest.approx(voxel_size))
    assert back.origin == pytest.approx(origin)
    assert_valid(tmp_path / "a.mrc")


def test_a_corrected_voxel_size_leaves_the_origin_where_it_was(tmp_path: Path) -> None:
    first = read_volume(file(tmp_path, mrc_bytes(nxstart=-4, nystart=7)))
    corrected = Volume(first.data, (2.0, 2.0, 2.0), first.origin, header=first.header)
    mrc.write(tmp_path / "b.mrc", corrected)
    back = read_volume(tmp_path / "b.mrc")
    assert (back.voxel_size, back.origin) == ((2.0, 2.0, 2.0), first.origin)
    assert back.notes == ()


def test_a_part_of_a_map_keeps_voxels_labels_and_angles(tmp_path: Path) -> None:
    first = read_volume(file(tmp_path, mrc_bytes(labels=(b"whole",), gamma=120.0)))
    part = first.changed(first.data[1:, 1:3, :3], "Cropped", origin=(1.5, 1.5, 0.0))
    mrc.write(tmp_path / "b.mrc", part)
    back = read_volume(tmp_path / "b.mrc")
    np.testing.assert_array_equal(back.data, numbers()[1:, 1:3, :3])
    assert (back.voxel_size, back.origin) == ((1.5, 1.5, 1.5), (1.5, 1.5, 0.0))
    assert back.header.labels() == ["whole", "Cropped"]
    assert float(back.header.record["cellb"]["gamma"]) == 120.0


def test_the_history_pushes_out_the_oldest_labels(tmp_path: Path) -> None:
    labels = tuple(b"old %d" % number for number in range(9))
    volume = read_volume(file(tmp_path, mrc_bytes(labels=labels)))
    for step in ("Denoised", "Low-pass filtered at 10 Å", "Masked"):
        volume = volume.changed(volume.data, step)
    mrc.write(tmp_path / "b.mrc", volume)
    expected = [f"old {number}" for number in range(2, 9)]
    expected += ["Denoised", "Low-pass filtered at 10 A", "Masked"]
    assert read_volume(tmp_path / "b.mrc").header.labels() == expected
    assert_valid(tmp_path / "b.mrc")


@pytest.mark.parametrize("dtype", ["f4", "i2", "u2", "i1", "f2"])
def test_statistics_are_measured(dtype: str, tmp_path: Path, rng: np.random.Generator) -> None:
    data = rng.normal(40, 10, (6, 7, 8)).astype(dtype)
    mrc.write(tmp_path / "a.mrc", Volume(data))
    record = header_of(tmp_path / "a.mrc").record
    exact = data.astype(np.float64)
    measured = [float(record[name]) for name in ("dmin", "dmax", "dmean", "rms")]
    assert measured == pytest.approx([exact.min(), exact.max(), exact.mean(), exact.std()])


def test_statistics_of_a_stack_are_those_of_all_volumes(tmp_path: Path) -> None:
    data = np.zeros((2, *SHAPE), np.float32)
    data[1] = 2
    mrc.write(tmp_path / "a.mrc", Volume(data))
    record = header_of(tmp_path / "a.mrc").record
    assert [float(record[name]) for name in ("dmin", "dmax", "dmean", "rms")] == [0, 2, 1, 1]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1j])
def test_statistics_that_do_not_exist_are_marked_so(odd: complex, tmp_path: Path) -> None:
    data = numbers("c8" if odd == 1j else "f4")
    data[1, 2, 3] = odd
    mrc.write(tmp_path / "a.mrc", Volume(data))
    record = header_of(tmp_path / "a.mrc").record
    marks = [float(record[name]) for name in ("dmin", "dmax", "dmean", "rms")]
    assert marks == [0.0, -1.0, -2.0, -1.0]
    assert_valid(tmp_path / "a.mrc")


def test_a_stack_of_volumes_comes_back(tmp_path: Path) -> None:
    data = numbers("f4", (2, *SHAPE))
    mrc.write(tmp_path / "a.mrc", Volume(data, (3.0, 2.0, 1.0)))
    back = read_volume(tmp_path / "a.mrc")
    np.testing.assert_array_equal(back.data, data)
    assert back.voxel_size == (3.0, 2.0, 1.0)
    assert_valid(tmp_path / "a.mrc")


@pytest.mark.parametrize("name", ["a.mrc.gz", "A.MAP.GZ"])
def test_a_name_ending_in_gz_makes_a_gzip_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    mrc.write(path, Volume(numbers(), (1.5, 1.5, 1.5), history=("Denoised",)))
    assert path.read_bytes()[:2] == b"\x1f\x8b"
    assert len(gzip.decompress(path.read_bytes())) == 1024 + 240
    back = read_volume(path)
    np.testing.assert_array_equal(back.data, numbers())
    assert (back.notes, back.header.labels()) == ((), ["Denoised"])
    assert_valid(path)


def test_any_layout_in_memory_is_written_in_order(tmp_path: Path) -> None:
    data = np.asfortranarray(numbers())[::-1, :, ::-1]
    mrc.write(tmp_path / "a.mrc", Volume(data))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.mrc").data, data)


# ------------------------------------------------------------------ writing images


@pytest.mark.parametrize("name", ["a.mrc", "a.mrcs"])
def test_images_stay_images(name: str, tmp_path: Path) -> None:
    mrc.write(tmp_path / name, ImageStack(numbers(), (2.0, 1.5), spacing=7.0))
    back = read_images(tmp_path / name)
    np.testing.assert_array_equal(back.data, numbers())
    assert (back.pixel_size, back.spacing) == ((2.0, 1.5), 7.0)
    assert_valid(tmp_path / name)


def test_images_that_only_their_name_made_images_stay_images(tmp_path: Path) -> None:
    first = read_images(file(tmp_path, mrc_bytes(labels=(b"kept",), z_length=4.5), "a.st"))
    mrc.write(tmp_path / "b.mrc", first)
    back = read_images(tmp_path / "b.mrc")
    assert (back.pixel_size, back.spacing) == ((1.5, 1.5), 1.5)
    assert back.header.labels() == ["kept"]


def test_images_keep_extended_header_and_origin(tmp_path: Path) -> None:
    content = mrc_bytes(
        6, ispg=0, mz=1, z_length=1.5, extended=b"tilt", exttyp=b"SERI", x_origin=9.0, nystart=2
    )
    mrc.write(tmp_path / "b.st", read_images(file(tmp_path, content, "a.st")))
    header = read_images(tmp_path / "b.st").header
    assert (header.extended, bytes(header.record["exttyp"])) == (b"tilt", b"SERI")
    assert float(header.record["origin"]["x"]) == 9.0
    assert int(header.record["nystart"]) == 2
    assert_valid(tmp_path / "b.st")


@pytest.mark.parametrize(
    ("unit", "pixel_size", "spacing", "back"),
    [
        ("Å", (2.0, 1.5), 7.0, ((2.0, 1.5), 7.0)),
        ("Å", (2.0, 1.5), None, ((2.0, 1.5), 1.0)),
        ("nm", (2.0, 1.5), 7.0, ((20.0, 15.0), 70.0)),
        ("nm", (2.0, 1.5), None, ((20.0, 15.0), 1.0)),
        ("nm", None, 7.0, (None, None)),
    ],
)
def test_pixels_are_written_in_angstroms(unit, pixel_size, spacing, back, tmp_path: Path) -> None:
    mrc.write(tmp_path / "a.mrc", ImageStack(numbers(), pixel_size, unit, spacing))
    images = read_images(tmp_path / "a.mrc")
    assert (images.pixel_size, images.spacing) == back


@pytest.mark.parametrize("shape", [(5, 4), (1, 5, 4)])
def test_one_image_comes_back_as_an_image(shape: tuple[int, ...], tmp_path: Path) -> None:
    mrc.write(tmp_path / "a.mrc", ImageStack(numbers("f4", shape), (2.0, 2.0)))
    back = read_images(tmp_path / "a.mrc")
    np.testing.assert_array_equal(back.data, numbers("f4", (5, 4)))
    assert back.pixel_size == (2.0, 2.0)


def test_all_leading_axes_of_images_become_sections(tmp_path: Path) -> None:
    mrc.write(tmp_path / "a.mrc", ImageStack(numbers("f4", (2, 3, 5, 4))))
    back = read_images(tmp_path / "a.mrc")
    np.testing.assert_array_equal(back.data, numbers("f4", (6, 5, 4)))


def test_the_history_of_images_goes_into_the_labels(tmp_path: Path) -> None:
    mrc.write(tmp_path / "a.mrc", ImageStack(numbers(), history=("Aligned",)))
    assert read_images(tmp_path / "a.mrc").header.labels() == ["Aligned"]


# ------------------------------------------------------------------ safely


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = file(tmp_path, b"precious")
    with pytest.raises(OutputExists, match=r"a\.mrc already exists"):
        mrc.write(path, Volume(numbers()))
    assert path.read_bytes() == b"precious"
    mrc.write(path, Volume(numbers()), overwrite=True)
    np.testing.assert_array_equal(read_volume(path).data, numbers())


def test_the_refusal_comes_before_any_work(tmp_path: Path) -> None:
    path, entered = file(tmp_path, b"precious"), []
    with pytest.raises(OutputExists), mrc.create(path, Volume(numbers()), "f4"):
        entered.append(True)
    assert entered == []


def test_a_file_can_be_replaced_by_what_was_made_of_it(tmp_path: Path) -> None:
    path = file(tmp_path, mrc_bytes())
    volume = read_volume(path)
    mrc.write(path, volume, overwrite=True)
    np.testing.assert_array_equal(volume.data, numbers())
    np.testing.assert_array_equal(read_volume(path).data, numbers())


def test_create_gives_a_map_to_write_into(tmp_path: Path) -> None:
    path, like = tmp_path / "a.mrc", Volume(numbers(), (3.0, 2.0, 1.0), history=("Denoised",))
    with mrc.create(path, like, np.float32) as out:
        assert isinstance(out, np.memmap)
        assert (out.shape, out.dtype) == (SHAPE, np.dtype("f4"))
        assert not path.exists()
        out[:] = 2 * numbers()
    back = read_volume(path)
    np.testing.assert_array_equal(back.data, 2 * numbers())
    assert (back.voxel_size, back.header.labels()) == ((3.0, 2.0, 1.0), ["Denoised"])
    assert float(back.header.record["dmax"]) == back.data.max()


def test_create_takes_another_type_than_its_pattern(tmp_path: Path) -> None:
    first = read_volume(file(tmp_path, mrc_bytes(6, order=">")))
    with mrc.create(tmp_path / "b.mrc", first, bool) as out:
        out[1] = True
    back = read_volume(tmp_path / "b.mrc")
    assert back.data.dtype == np.int8
    assert (back.data.sum(), back.header.order) == (20, ">")


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot reserve room")
def test_create_takes_all_its_room_on_the_disk_at_once(tmp_path: Path) -> None:
    pattern = Volume(np.broadcast_to(np.float32(0), (64, 64, 64)))
    with mrc.create(tmp_path / "a.mrc", pattern, "f4"):
        (part,) = tmp_path.iterdir()
        assert part.stat().st_blocks * 512 >= 64**3 * 4


def test_writing_can_be_stopped(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        mrc.write(tmp_path / "a.mrc", Volume(numbers("f4")), report=RecordingReporter(stop_after=0))
    volume = Volume(np.ones((3, 4, 5), np.float32))
    with (
        pytest.raises(Cancelled),
        mrc.create(  # while it is compressed
            tmp_path / "a.mrc.gz", volume, "f4", report=RecordingReporter(stop_after=0)
        ) as out,
    ):
        out[...] = volume.data
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mrc", "a.mrc.gz"])
@pytest.mark.parametrize("error", [ValueError("stopped"), Cancelled(), KeyboardInterrupt()])
def test_interrupted_writing_changes_nothing(
    name: str, error: BaseException, tmp_path: Path
) -> None:
    path = file(tmp_path, b"precious", name)
    with pytest.raises(type(error)):
        interrupted(path, error)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.mrc", "a.mrc.gz"])
def test_a_full_disk_is_reported_and_changes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = file(tmp_path, b"precious", name)
    monkeypatch.setattr(gzip.GzipFile if name.endswith("gz") else mrc, _FULL[name], full)
    with pytest.raises(FileProblem, match=rf"Cannot write .*{name}: No space left on device"):
        mrc.write(path, Volume(numbers()), overwrite=True)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


_FULL = {"a.mrc": "reserve", "a.mrc.gz": "write"}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"folder .*results does not exist"):
        mrc.write(tmp_path / "results" / "a.mrc", Volume(numbers()))


# ------------------------------------------------------------------ damage of any kind


@pytest.mark.parametrize("start", [mrc_bytes(), gzip.compress(mrc_bytes(extended=bytes(99)))])
def test_damaged_bytes_never_end_in_another_error(
    start: bytes, tmp_path: Path, rng: np.random.Generator
) -> None:
    read, refused = 0, 0
    for _ in range(300):
        content = bytearray(start)
        for where in rng.integers(0, min(len(start), 240), 4):
            content[where] = rng.integers(256)
        try:
            mrc.read(file(tmp_path, bytes(content)))
            read += 1
        except FormatError as error:
            refused += 1
            assert "a.mrc" in str(error)  # noqa: PT017
    assert refused > 10
    assert read + refused == 300
