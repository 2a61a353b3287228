"""Files open as layers, other people's files are left alone, and errors are readable."""

from __future__ import annotations

import bz2
import gzip
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_cryonet import Volume, write
from napari_cryonet.errors import CryonetError, FormatError
from napari_cryonet.gui import waiting
from napari_cryonet.gui.readers import get_reader, read_layers
from napari_cryonet.io import mrc

GREY = np.arange(60, dtype="f4").reshape(3, 4, 5)


@pytest.fixture
def said() -> list[str]:
    """What has been shown to the user in this test."""
    notification_manager.records.clear()

    class Messages(list[str]):
        def __contains__(self, text: object) -> bool:
            return any(str(text) in record.message for record in notification_manager.records)

        def __len__(self) -> int:
            return len(notification_manager.records)

    return Messages()


def saved(path: Path, **fields: Any) -> Path:
    plain = path.with_name("plain.mrc")
    write(plain, Volume(GREY, **({"voxel_size": (2.0,) * 3} | fields)), overwrite=True)
    packing = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
    path.write_bytes(packing(plain.read_bytes()))
    return path


SUFFIXES = [*mrc.SUFFIXES, ".MRC", ".mrc.gz", ".REC.GZ", ".map.bz2"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_map_opens_under_all_its_names(tmp_path, suffix, said):
    path = saved(tmp_path / f"a map{suffix}")
    reader = get_reader(str(path))
    assert reader is not None
    ((data, attributes, kind),) = reader(str(path))
    assert np.array_equal(data, GREY)
    assert (attributes["name"], kind) == ("a map", "image")
    assert attributes["scale"][-2:] == (2.0, 2.0)
    assert attributes["metadata"]["cryonet"]["path"] == str(path)
    assert len(said) == 0


@pytest.mark.parametrize("suffix", [".fits", ".FIT", ".fits.gz"])
def test_a_fits_image_opens(tmp_path, suffix):
    from astropy.io import fits

    path = tmp_path / f"cell{suffix}"
    plain = tmp_path / "plain.fits"
    header = fits.Header({"CDELT1": 0.1, "CUNIT1": "um", "CDELT2": 0.1, "CUNIT2": "um"})
    fits.PrimaryHDU(GREY[0], header).writeto(plain)
    path.write_bytes((gzip.compress if suffix.endswith("gz") else bytes)(plain.read_bytes()))
    reader = get_reader(str(path))
    assert reader is not None
    ((data, attributes, _),) = reader(str(path))
    assert np.array_equal(data, GREY[0])
    assert attributes["scale"] == pytest.approx((100.0, 100.0))
    assert attributes["units"] == ("nanometer", "nanometer")


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tif", "a.tif.gz", "a", "a.mrc.txt", ".mrc"])
def test_files_of_others_are_left_to_them(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\0" * 2000)
    assert get_reader(str(path)) is None


@pytest.mark.parametrize("text", [b'{"version":3,"sources":["a.ts"]}', b"Object subclass: #St\n"])
def test_text_that_shares_a_suffix_is_left_to_others(tmp_path, text):
    path = tmp_path / "bundle.map"
    path.write_bytes(text * 40)
    assert get_reader(str(path)) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<html>404</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"", "0 bytes"),
        (b"\x1f\x8b\x08 broken", "damaged"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "map.mrc"
    path.write_bytes(content)
    reader = get_reader(str(path))
    assert reader is not None
    with pytest.raises(FormatError, match=sentence) as caught:
        reader(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_gone_is_said(tmp_path):
    reader = get_reader(str(tmp_path / "gone.mrc"))
    assert reader is not None
    with pytest.raises(CryonetError, match="No such file"):
        reader(str(tmp_path / "gone.mrc"))


def test_several_files_are_several_layers(tmp_path):
    paths = [str(saved(tmp_path / f"{number}.mrc")) for number in range(3)]
    reader = get_reader(paths)
    assert reader is not None
    assert [attributes["name"] for _, attributes, _ in reader(paths)] == ["0", "1", "2"]
    assert get_reader([*paths, str(tmp_path / "a.txt")]) is None
    assert get_reader([]) is None


def test_the_user_learns_how_to_set_a_missing_voxel_size(tmp_path, said):
    path = saved(tmp_path / "unsized.mrc", voxel_size=None)
    ((_, attributes, _),) = read_layers(path)
    assert attributes["scale"] == (1.0, 1.0, 1.0)
    assert "unsized: No voxel size is given; 1 Å is taken. Set it with Layers" in said
    assert len(said) == 1


def test_the_user_learns_what_is_odd(tmp_path, said):
    path = tmp_path / "odd.mrc"
    path.write_bytes(saved(tmp_path / "even.mrc").read_bytes() + b"more")
    read_layers(path)
    assert "odd: 4 bytes follow the data; ignored." in said


# ------------------------------------------------------------------ waiting


def test_the_window_lives_while_a_file_is_unpacked(qapp):
    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start(10)
    where: list[threading.Thread] = []

    def work(report: Any) -> str:
        where.append(threading.current_thread())
        for done in range(10):
            report.step(done, 10)
            time.sleep(0.03)
        return "done"

    assert waiting.waited(work, "Unpacking") == "done"
    timer.stop()
    assert where[0] is not threading.main_thread()
    assert len(ticks) > 3


def test_an_error_of_the_work_is_the_callers(qapp):
    def work(report: Any) -> None:
        raise FormatError("broken")

    with pytest.raises(FormatError, match="broken"):
        waiting.waited(work, "Unpacking")


def test_without_a_window_the_work_just_runs(monkeypatch):
    monkeypatch.setattr(QApplication, "instance", staticmethod(lambda: None))
    assert waiting.waited(lambda _: threading.current_thread(), "") is threading.main_thread()


def test_reading_loads_no_torch_and_needs_no_window(tmp_path):
    path = saved(tmp_path / "a.mrc.gz")
    code = (
        "import sys; from napari_cryonet.gui.readers import get_reader;"
        f"layers = get_reader({str(path)!r})({str(path)!r});"
        "assert layers[0][0].shape == (3, 4, 5); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
