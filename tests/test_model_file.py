"""Models in .safetensors files, their cards, and fingerprints of the data they come from."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from helpers import run_python
from napari_cryonet.errors import FileProblem, ModelError, OutputExists
from napari_cryonet.io import fingerprint, read_card, read_model, write_model
from napari_cryonet.types import Model, ModelCard
from napari_cryonet.types.model import FORMAT, voxel_size_warning

CARD = ModelCard(
    method="noise2noise",
    settings={"steps": 100, "network": {"width": 16}},
    network={"levels": 3},
    product="0.1.0",
    created="2025-01-01T12:00:00Z",
    voxel_size=(13.48, 13.48, 13.48),
    normalisation={"mean": 0.5, "deviation": 2.0},
    training={"minutes": 1.5, "note": "Größe in Å"},
    inputs=({"name": "even", "shape": [64, 192, 192], "fingerprint": "0123456789abcdef"},),
    extra={"wedge": [-60, 60]},
)


@pytest.fixture
def weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights of several types and layouts."""
    return {
        "first.weight": rng.normal(size=(8, 1, 3, 3, 3)).astype(np.float32),
        "first.bias": rng.normal(size=8).astype(np.float16),
        "turned": np.asfortranarray(rng.normal(size=(3, 4)))[::-1],
        "count": np.array(7),
        "empty": np.zeros((0, 3), np.int32),
    }


def damaged(folder: Path, **changes: object) -> Path:
    """Make a model file of which the card is changed."""
    card = {**CARD.model_dump(mode="json"), **changes}
    return raw(folder, {"cryonet": json.dumps(card)})


def raw(folder: Path, metadata: dict[str, str] | None) -> Path:
    """Make a file of weights with any metadata."""
    path = folder / "a.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path, metadata)
    return path


def test_a_model_comes_back(weights: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_model(path, Model(CARD, weights))
    back = read_model(path)
    assert (back.card, back.path) == (CARD, path)
    assert set(back.weights) == set(weights)
    for name, values in weights.items():
        assert back.weights[name].dtype == values.dtype
        np.testing.assert_array_equal(back.weights[name], values)


def test_the_card_is_plain_json_inside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_model(path, Model(CARD, {"weight": np.zeros(3)}))
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    assert json.loads(header["__metadata__"]["cryonet"]) == CARD.model_dump(mode="json")


def test_the_card_is_read_without_torch_and_without_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_model(path, Model(CARD, {"weight": np.zeros(3)}))
    done = run_python(
        "import sys\n"
        "from pathlib import Path\n"
        "from napari_cryonet.io import read_card, read_model\n"
        f"path = Path({str(path)!r})\n"
        "assert read_card(path).method == 'noise2noise'\n"
        "assert read_model(path).weights['weight'].shape == (3,)\n"
        "heavy = {'torch', 'napari', 'qtpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    assert done.returncode == 0, done.stderr


def test_a_model_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    model = Model(CARD, {"weight": np.zeros(3)})
    write_model(path, model)
    with pytest.raises(OutputExists, match=r"a\.safetensors already exists"):
        write_model(path, model)
    write_model(path, Model(CARD, {"weight": np.ones(3)}), overwrite=True)
    assert read_model(path).weights["weight"].sum() == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError, match="object"):
        write_model(tmp_path / "a.safetensors", Model(CARD, {"weight": np.array([None])}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", [read_card, read_model])
def test_a_missing_file_or_a_folder_is_no_model(read, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.safetensors", tmp_path):
        with pytest.raises(FileProblem, match=f"There is no model file {path}"):
            read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95pickle",
        b"PK\x03\x04" + bytes(500),
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 8) + b"not json",
    ],
)
@pytest.mark.parametrize("read", [read_card, read_model])
def test_what_is_not_safetensors_is_no_model(read, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"a\.pt is not a model file .*\.safetensors files"):
        read(path)


def test_a_cut_model_file_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_model(path, Model(CARD, {"weight": np.zeros(300)}))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ModelError, match="is not a model file"):
        read_card(path)


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
def test_weights_without_a_card_are_no_model(metadata, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds weights but no model card"):
        read_card(raw(tmp_path, metadata))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"method": 5}'])
def test_a_card_that_cannot_be_read_is_damaged(text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"The model card in .*a\.safetensors is damaged: "):
        read_card(raw(tmp_path, {"cryonet": text}))


@pytest.mark.parametrize(
    "voxel_size", [[0.0, 1.0, 1.0], [1.0, -2.0, 1.0], [1.0, 1.0], "wide", [None, 1.0, 1.0]]
)
def test_a_voxel_size_that_is_none_is_damage(voxel_size: object, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is damaged"):
        read_card(damaged(tmp_path, voxel_size=voxel_size))


def test_a_card_of_a_newer_format_asks_for_an_update(tmp_path: Path) -> None:
    path = damaged(tmp_path, format_version=FORMAT + 1, product="9.0")
    with pytest.raises(ModelError, match=r"newer CryoNet \(9\.0\); update this one"):
        read_card(path)


def test_a_card_may_know_more_than_we_do(tmp_path: Path) -> None:
    assert read_card(damaged(tmp_path, colour="green")) == CARD


def test_a_card_needs_no_more_than_its_method(tmp_path: Path) -> None:
    card = read_card(raw(tmp_path, {"cryonet": '{"method": "picking"}'}))
    assert (card.method, card.format_version, card.voxel_size) == ("picking", FORMAT, None)


def test_a_model_is_applied_by_its_own_method() -> None:
    Model(CARD, {}).check_method("noise2noise")
    with pytest.raises(ModelError, match=r"The model was made by noise2noise .* by picking"):
        Model(CARD, {}).check_method("picking")
    with pytest.raises(ModelError, match=r"^a\.safetensors was made by noise2noise"):
        Model(CARD, {}, Path("a.safetensors")).check_method("picking")


# ------------------------------------------------------------------ voxel size


@pytest.mark.parametrize("model", [1.0, 10.0, 13.48])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("factor", "warned"),
    [(0.5, True), (0.89, True), (0.9, False), (1.0, False), (1.1, False), (1.11, True), (2, True)],
)
def test_over_ten_percent_of_difference_is_told(
    model: float, axis: int, factor: float, warned: bool
) -> None:
    card = ModelCard(method="picking", voxel_size=(model,) * 3)
    data = [model] * 3
    data[axis] *= factor
    assert bool(voxel_size_warning(card, tuple(data))) == warned


def test_the_warning_gives_both_sizes() -> None:
    card = ModelCard(method="picking", voxel_size=(10.0, 10.0, 10.0))
    text = voxel_size_warning(card, (13.48, 13.48, 13.48))
    assert "trained at 10 Å per voxel, these data have 13.48 Å" in text


def test_sizes_that_are_not_known_are_not_compared() -> None:
    unknown = ModelCard(method="picking")
    assert voxel_size_warning(unknown, (1.0, 1.0, 1.0)) == ""
    assert voxel_size_warning(CARD, None) == ""


# ------------------------------------------------------------------ fingerprints


def test_a_fingerprint_is_sixteen_digits_and_the_same_each_time(rng: np.random.Generator) -> None:
    data = rng.normal(size=(40, 5, 6))
    print_ = fingerprint(data)
    assert len(print_) == 16
    assert int(print_, 16) >= 0
    assert print_ == fingerprint(data.copy()) == fingerprint(np.asfortranarray(data))


@pytest.mark.parametrize("length", [1, 7, 16])
def test_one_changed_value_changes_it(length: int, rng: np.random.Generator) -> None:
    data = rng.normal(size=(length, 5, 6))
    prints = {fingerprint(data)}
    for plane in range(length):
        other = data.copy()
        other[plane, 2, 3] += 1
        prints.add(fingerprint(other))
    assert len(prints) == length + 1


def test_first_and_last_plane_of_many_count(rng: np.random.Generator) -> None:
    data = rng.normal(size=(1000, 2, 2))
    for plane in (0, -1):
        other = data.copy()
        other[plane] += 1
        assert fingerprint(other) != fingerprint(data)


def test_shape_and_type_count() -> None:
    zeros = np.zeros((4, 4, 4), np.int32)
    same_bytes = [zeros, zeros.view(np.uint32), zeros.reshape(4, 2, 8), zeros.reshape(4, 16)]
    assert len({fingerprint(data) for data in same_bytes}) == 4


def test_a_fingerprint_reads_few_planes_of_a_large_file(tmp_path: Path) -> None:
    class Counted(np.ndarray):
        planes = 0

        def __getitem__(self, key):  # type: ignore[no-untyped-def]
            Counted.planes += 1
            return np.asarray(super().__getitem__(key))

    fingerprint(np.zeros((1000, 2, 2)).view(Counted))
    assert Counted.planes == 16


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_colleagues_can_read_a_model(tmp_path: Path) -> None:
    path, other = tmp_path / "model.safetensors", tmp_path / "any"
    write_model(path, Model(CARD, {"weight": np.zeros(3, np.float32)}))
    other.write_text("as any other file", encoding="utf-8")
    assert path.stat().st_mode == other.stat().st_mode
