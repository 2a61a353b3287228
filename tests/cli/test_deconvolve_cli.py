"""``cryonet deconvolve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import mrc_bytes, run_python
from napari_cryonet import Volume, read, write
from napari_cryonet.reporting import Cancelled
from napari_cryonet.signal.ctf import Deconvolution
from napari_cryonet.signal.deconvolve import deconvolve


@pytest.fixture
def tomogram(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "tomo.mrc"
    data = rng.normal(100, 5, (12, 14, 16)).astype(np.float32)
    write(path, Volume(data, (10.0, 10.0, 10.0), (1.0, 2.0, 3.0)))
    return path


def test_a_tomogram_is_deconvolved(cryonet: Any, tomogram: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mrc"
    result = cryonet("deconvolve", tomogram, "--output", output, "--defocus", 3, "--phase-flipped")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].split() == ["output", str(output)]
    assert lines[1].split()[-2:] == ["24.57", "Å"]
    before, after = read(tomogram), read(output)
    assert isinstance(before, Volume)
    assert isinstance(after, Volume)
    settings = Deconvolution(defocus=3, phase_flipped=True)
    assert np.array_equal(after.data, deconvolve(before.data, before.voxel_size, settings)[0])
    assert (after.voxel_size, after.origin) == (before.voxel_size, before.origin)
    assert any(label.startswith("Deconvolution, 3 um, 300 kV") for label in after.header.labels())


def test_settings_come_from_a_file_and_measures_as_json(
    cryonet: Any, tomogram: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "s.toml"
    settings.write_text("defocus = 1.0\nsnr_falloff = 0.5\n")
    words = ("deconvolve", tomogram, "--output", tmp_path / "o.mrc", "--settings", settings)
    result = cryonet(*words, "--strength", 0.5, "--json", "--quiet")
    assert (result.code, result.err) == (0, "")
    found = result.json
    assert found.keys() == {"output", "first_zero", "cut_off", "gain"}
    assert found["first_zero"] is None, "beyond Nyquist"
    again = cryonet(*words)
    assert again.code == 2
    assert "already exists" in again.err
    over = cryonet(*words, "--overwrite")
    assert over.code == 0
    assert "beyond Nyquist" in over.out


def test_a_defocus_that_is_not_given_is_told(cryonet: Any, tomogram: Path, tmp_path: Path) -> None:
    result = cryonet("deconvolve", tomogram, "--output", tmp_path / "o.mrc")
    assert (result.code, result.err.count("\n")) == (0, 1)
    assert "No defocus was given; 4 µm is taken" in result.err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), "INPUT"),
        (("tomo.mrc",), "--output"),
        (("no.mrc", "--output", "o.mrc"), "no.mrc"),
        (("tomo.mrc", "--output", "no/o.mrc"), "does not exist"),
        (("tomo.mrc", "--output", "o.mrc", "--defocus", "40000"), "Setting 'defocus' is '40000'"),
        (("tomo.mrc", "--output", "o.mrc", "--bogus", "1"), "Unknown option: --bogus"),
        (("sizeless.mrc", "--output", "o.mrc"), "has no voxel size"),
    ],
)
def test_bad_usage_is_one_sentence(
    words: tuple[str, ...], found: str, cryonet: Any, tomogram: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tomogram.parent)
    Path("sizeless.mrc").write_bytes(mrc_bytes(x_length=0.0))
    result = cryonet("deconvolve", *words, *(("--quiet",) if words else ()))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("cryonet: ")
    assert result.err.count("\n") == 1
    assert found in result.err
    assert not Path("o.mrc").exists()


def test_ctrl_c_leaves_nothing(
    cryonet: Any, tomogram: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(self: object) -> None:
        raise Cancelled

    monkeypatch.setattr("napari_cryonet.cli.console.ConsoleReporter.check", stop)
    result = cryonet("deconvolve", tomogram, "--output", tmp_path / "o.mrc", "--defocus", 3)
    assert (result.code, result.out) == (130, "")
    assert list(tmp_path.iterdir()) == [tomogram]


def test_it_is_listed_and_loads_no_torch(tomogram: Path, tmp_path: Path) -> None:
    words = ["deconvolve", str(tomogram), "--output", str(tmp_path / "o.mrc"), "--defocus", "3"]
    done = run_python(
        "import sys\n"
        "from napari_cryonet.cli import main\n"
        "for words in (['--help'], ['deconvolve', '--help']):\n"
        "    assert main(words) == 0\n"
        "assert not {'torch', 'napari', 'qtpy', 'scipy'} & set(sys.modules)\n"
        f"assert main({words!r}) == 0\n"
        "assert not {'torch', 'napari', 'qtpy'} & set(sys.modules)\n"
    )
    assert done.returncode == 0, done.stderr
    for part in ("deconvolve", "--snr-falloff", "--no-phase-flipped", "(µm)", "INPUT"):
        assert part in done.stdout
