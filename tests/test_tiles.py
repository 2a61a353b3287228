"""Tiles fill a volume once, tiled equals untiled, and memory that runs out is no end."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from napari_cryonet.errors import OutOfMemory
from napari_cryonet.nn import tiles
from napari_cryonet.nn.augment import spread, turns
from napari_cryonet.nn.device import Compute
from napari_cryonet.nn.tiles import Grid, Tile, fitting_side, over_tiles, padded, predict
from napari_cryonet.nn.unet import build
from napari_cryonet.reporting import Cancelled, RecordingReporter, SilentReporter
from phantom import Stopping, one_thread  # noqa: F401

CPU = Compute(torch.device("cpu"))
ONCE = turns("none")
SPECS = {
    "subpixel": {"kind": "subpixel", "width": 3, "detail": 2},
    "unet": {"kind": "unet", "width": 2, "depth": 2},
    "transposed": {"kind": "unet", "width": 2, "depth": 1, "transposed": True, "leak": 0.0},
}


class Limited(nn.Module):
    """A network that only has memory for so many voxels."""

    def __init__(self, network: nn.Module, voxels: int) -> None:
        super().__init__()
        self.network, self.voxels = network, voxels
        self.multiple, self.reach = network.multiple, network.reach
        self.refused = 0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.numel() > self.voxels:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 99 GiB")
        return self.network(image)


def network_of(name: str) -> nn.Module:
    """Return a network with random weights whose output is of the order of 1."""
    torch.manual_seed(3)
    network = build(SPECS[name])
    last = network.head[-1] if name == "subpixel" else network.head
    nn.init.normal_(last.weight)
    return network.eval()


def random_shapes(count, largest, seed=5):
    random = np.random.default_rng(seed)
    return [tuple(int(n) for n in random.integers(1, largest, 3)) for _ in range(count)]


def random_grids(count, seed=6):
    random = np.random.default_rng(seed)
    return [
        Grid(int(random.integers(1, 40)), int(random.integers(0, 25)), int(2 ** random.integers(5)))
        for _ in range(count)
    ]


def inside(part, whole):
    return all(a.start >= b.start and a.stop <= b.stop for a, b in zip(part, whole, strict=True))


def tiled(network, values, side, margin=None, turned=ONCE, report=None):
    """Predict piece by piece as the methods do."""
    out = np.full(values.shape, np.nan, np.float32)
    margin = network.reach if margin is None else margin

    def work(tile, tick):
        out[tile.write] = predict(network, values[tile.read], CPU, turned, tick)[tile.inner]

    grid = Grid(side, margin, network.multiple)
    over_tiles(values.shape, grid, work, CPU, report or SilentReporter())
    return out


def assert_close(found, expected, tolerance=1e-5):
    span = expected.max() - expected.min()
    assert span > 0.1
    assert np.abs(found - expected).max() <= tolerance * span


# ------------------------------------------------------------------------------- cutting


@pytest.mark.parametrize("grid", random_grids(25), ids=str)
def test_the_kept_regions_fill_any_volume_exactly_once(grid):
    for shape in random_shapes(6, 60, seed=grid.side):
        count = np.zeros(shape, np.int32)
        for tile in grid.tiles(shape):
            count[tile.write] += 1
            assert inside(tile.write, [slice(0, length) for length in shape])
        assert (count == 1).all()


@pytest.mark.parametrize("grid", random_grids(25), ids=str)
def test_tiles_are_read_with_their_margin_and_start_at_cells(grid):
    for shape in random_shapes(6, 60, seed=grid.side):
        for tile in grid.tiles(shape):
            for seen, kept, length in zip(tile.read, tile.write, shape, strict=True):
                assert seen.start <= max(0, kept.start - grid.margin)
                assert seen.stop >= min(length, kept.stop + grid.margin)
                assert seen.start >= 0
                assert seen.stop <= length
                assert seen.start % grid.multiple == 0
                assert kept.start % grid.multiple == 0
                assert seen.stop % grid.multiple == 0 or seen.stop == length
                assert kept.stop - kept.start < grid.side + grid.multiple


def test_inner_finds_the_kept_region_in_the_one_that_is_read():
    volume = np.arange(30 * 31 * 32).reshape(30, 31, 32)
    for tile in Grid(10, 3, 2).tiles(volume.shape):
        np.testing.assert_array_equal(volume[tile.read][tile.inner], volume[tile.write])


def test_pieces_are_of_about_one_size():
    lengths = [tile.write[2].stop - tile.write[2].start for tile in Grid(100, 0).tiles((1, 1, 101))]
    assert lengths == [51, 50]


def test_a_halved_grid_is_smaller_until_there_is_no_more():
    grid = Grid(100, 20, 4)
    assert grid.halved() == Grid(50, 20, 4)
    with pytest.raises(OutOfMemory, match=r"even for pieces of 25 voxels\. Close other programs"):
        grid.halved().halved().halved()
    with pytest.raises(OutOfMemory):
        Grid(100, 20, 64).halved()


@pytest.mark.parametrize("multiple", [1, 2, 4, 16])
def test_padding_repeats_the_far_ends(multiple, rng):
    for shape in random_shapes(6, 9):
        batch = torch.from_numpy(rng.standard_normal((2, 1, *shape)))
        whole = padded(batch, multiple)
        z, y, x = shape
        assert torch.equal(whole[:, :, :z, :y, :x], batch)
        for axis, length in enumerate(shape, 2):
            assert whole.shape[axis] % multiple == 0
            assert whole.shape[axis] - length < multiple
            last = whole.narrow(axis, length - 1, 1)
            assert torch.equal(
                whole.narrow(axis, length - 1, whole.shape[axis] - length + 1),
                last.expand(
                    *(-1 if n != axis else whole.shape[axis] - length + 1 for n in range(5))
                ),
            )


# ---------------------------------------------------------------------------- predicting


def test_without_turns_a_piece_goes_through_the_network_once(rng):
    network = network_of("subpixel")
    values = rng.standard_normal((8, 12, 16)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(values)[None, None])[0, 0].numpy()
    np.testing.assert_array_equal(predict(network, values, CPU), expected)


def test_turns_are_averaged_and_the_result_turns_with_the_volume(rng):
    network = network_of("subpixel")
    values = rng.standard_normal((8, 8, 8)).astype(np.float32)
    single = [
        turn.undo(torch.from_numpy(predict(network, turn.apply(torch.from_numpy(values)), CPU)))
        for turn in turns("rotations")
    ]
    averaged = predict(network, values, CPU, turns("rotations"))
    assert_close(averaged, torch.stack(single).mean(0).numpy())
    turn = turns("rotations")[7]
    turned = turn.apply(torch.from_numpy(values)).numpy()
    expected = turn.apply(torch.from_numpy(averaged)).numpy()
    assert_close(predict(network, turned, CPU, turns("rotations")), expected)


def test_several_pieces_at_once_are_as_one_by_one(rng):
    network = network_of("unet")
    values = rng.standard_normal((3, 9, 10, 7)).astype(np.float32)
    found = predict(network, values, CPU)
    assert found.shape == values.shape
    assert found.dtype == np.float32
    for piece, expected in zip(values, found, strict=True):
        assert_close(predict(network, piece, CPU), expected)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (13, 4, 9)])
def test_volumes_of_any_size_are_predicted(name, shape, rng):
    values = rng.standard_normal(shape).astype(np.float32)
    found = predict(network_of(name), values, CPU, spread("rotations", 3))
    assert found.shape == shape
    assert np.isfinite(found).all()


def test_progress_within_a_piece_is_told_turn_by_turn():
    shares = []
    predict(network_of("unet"), np.ones((4, 4, 4)), CPU, turns("flips"), shares.append)
    assert shares == pytest.approx([n / 8 for n in range(1, 9)])


def test_a_piece_can_be_stopped_between_turns():
    asked = []

    def tick(share):
        asked.append(share)
        raise Cancelled

    with pytest.raises(Cancelled):
        predict(network_of("unet"), np.ones((4, 4, 4)), CPU, turns("flips"), tick)
    assert len(asked) == 1


# ------------------------------------------------------------------------ tiled = untiled


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(
    ("shape", "side"),
    [((37, 61, 30), 16), ((9, 70, 43), 24), ((50, 33, 41), 27), ((20, 90, 5), 17)],
)
def test_tiled_equals_untiled(name, shape, side, rng):
    network = network_of(name)
    values = rng.standard_normal(shape).astype(np.float32)
    assert len(Grid(side, 0, network.multiple).tiles(shape)) > 3
    assert_close(tiled(network, values, side), predict(network, values, CPU))


@pytest.mark.parametrize(("name", "group"), [("subpixel", "rotations"), ("transposed", "flips")])
def test_tiled_equals_untiled_with_turns(name, group, rng):
    network, turned = network_of(name), spread(group, 5)
    values = rng.standard_normal((31, 50, 22)).astype(np.float32)
    whole = predict(network, values, CPU, turned)
    assert_close(tiled(network, values, 16, turned=turned), whole)


def test_without_a_margin_tiled_differs(rng):
    """The tests above can fail."""
    network = network_of("subpixel")
    values = rng.standard_normal((33, 34, 35)).astype(np.float32)
    with pytest.raises(AssertionError):
        assert_close(tiled(network, values, 16, margin=4), predict(network, values, CPU))


def test_the_work_goes_from_memory_map_to_memory_map(tmp_path, rng):
    network = network_of("subpixel")
    values = rng.standard_normal((40, 21, 33)).astype(np.float32)
    values.tofile(tmp_path / "in")
    source = np.memmap(tmp_path / "in", np.float32, "r", shape=values.shape)
    target = np.memmap(tmp_path / "out", np.float32, "w+", shape=values.shape)

    def work(tile, tick):
        target[tile.write] = predict(network, source[tile.read] * 1, CPU)[tile.inner]

    over_tiles(values.shape, Grid(16, 20, 4), work, CPU, SilentReporter())
    target.flush()
    written = np.fromfile(tmp_path / "out", np.float32).reshape(values.shape)
    assert_close(written, predict(network, values, CPU))


# ------------------------------------------------------------------------------- memory


@pytest.mark.parametrize(("shape", "limit"), [((70, 66, 75), 42**3), ((9, 14, 150), 8000)])
def test_pieces_are_halved_until_they_fit_and_nothing_changes(shape, limit, rng):
    network = network_of("transposed")
    limited = Limited(network, limit)
    values = rng.standard_normal(shape).astype(np.float32)
    report = RecordingReporter()
    found = tiled(limited, values, 128, report=report)
    assert limited.refused == len(report.said) > 1
    assert_close(found, predict(network, values, CPU))
    assert_monotone(report, values.size)
    for said in report.said:
        side = re.fullmatch(r"Memory ran out; going on with pieces of (\d+) voxels\.", said)
        assert side is not None
        assert 16 <= int(side[1]) < 40


def test_only_the_piece_that_did_not_fit_is_cut(rng):
    done = []

    def work(tile, tick):
        voxels = np.prod([part.stop - part.start for part in tile.write])
        if tile.write[0].start >= 32 and voxels > 16**3:
            raise MemoryError
        done.append(tile)

    over_tiles((64, 32, 32), Grid(32, 5, 4), work, CPU, SilentReporter())
    assert done[0] == Tile(
        (slice(0, 40), slice(0, 32), slice(0, 32)), (slice(0, 32), slice(0, 32), slice(0, 32))
    )
    assert len(done) == 1 + 8
    count = np.zeros((64, 32, 32), int)
    for tile in done:
        count[tile.write] += 1
        for seen, kept, length in zip(tile.read, tile.write, count.shape, strict=True):
            assert seen == slice(max(0, kept.start - 8), min(length, kept.stop + 8))
    assert (count == 1).all()


def test_thin_volumes_are_cut_where_they_are_long():
    """A piece that is smaller than the grid allows has to get smaller at once."""
    sizes = []

    def work(tile, tick):
        sizes.append(max(part.stop - part.start for part in tile.write))
        if sizes[-1] > 20:
            raise MemoryError

    over_tiles((4, 4, 40), Grid(256, 0, 4), work, CPU, SilentReporter())
    assert sizes == [40, 20, 20]


def test_no_memory_at_all_is_said_in_one_sentence(rng):
    limited = Limited(network_of("unet"), 10)
    with pytest.raises(OutOfMemory) as caught:
        tiled(limited, rng.standard_normal((40, 40, 40)).astype(np.float32), 40)
    assert "Not enough memory even for pieces of 20 voxels" in str(caught.value)
    assert isinstance(caught.value.__context__, torch.OutOfMemoryError)
    assert limited.refused == 2


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("no"), KeyError(1)])
def test_other_errors_pass_unchanged(error):
    def work(tile, tick):
        raise error

    with pytest.raises(type(error)) as caught:
        over_tiles((8, 8, 8), Grid(8, 0), work, CPU, SilentReporter())
    assert caught.value is error


def test_the_cache_is_given_back_before_smaller_pieces_are_tried(monkeypatch):
    order = []
    monkeypatch.setattr(tiles, "release_memory", lambda device: order.append("released"))

    def work(tile, tick):
        order.append("tried")
        if len(order) == 1:
            raise MemoryError

    over_tiles((32, 8, 8), Grid(32, 0), work, CPU, SilentReporter())
    assert order == ["tried", "released", "tried", "tried"]


@pytest.mark.parametrize(("gigabytes", "side"), [(1000, 256), (3.0, 128), (0.5, 64), (0.001, 64)])
def test_the_first_pieces_fit_into_the_free_memory(monkeypatch, gigabytes, side):
    monkeypatch.setattr(tiles, "free_memory", lambda device: gigabytes * 2**30)
    assert fitting_side(256, 20, CPU) == side
    assert fitting_side(48, 20, CPU) == 48


# ------------------------------------------------------------------- progress and stopping


def assert_monotone(report, total):
    done = [step["done"] for step in report.steps]
    assert {step["total"] for step in report.steps} == {total}
    assert done[0] == 0
    assert done[-1] == total
    assert (np.diff(done) >= 0).all()


def test_progress_runs_from_nothing_to_all(rng):
    report = RecordingReporter()
    values = rng.standard_normal((30, 20, 25)).astype(np.float32)
    tiled(network_of("unet"), values, 16, turned=spread("flips", 4), report=report)
    assert_monotone(report, values.size)
    assert len({step["done"] for step in report.steps}) > 8


def test_progress_never_goes_back_when_memory_runs_out_half_way():
    report, sizes = RecordingReporter(), []

    def work(tile, tick):
        sizes.append(max(part.stop - part.start for part in tile.write))
        tick(0.5)
        if sizes[-1] > 16:
            raise MemoryError

    over_tiles((64, 64, 64), Grid(64, 0), work, CPU, report)
    assert max(sizes) == 64
    assert_monotone(report, 64**3)


@pytest.mark.parametrize("at_check", [1, 2, 5, 11])
@pytest.mark.parametrize("keep", [True, False])
def test_stop_is_heard_at_every_check(at_check, keep, rng):
    report = Stopping(at_check=at_check, keep=keep)
    values = rng.standard_normal((30, 20, 25)).astype(np.float32)
    with pytest.raises(Cancelled) as caught:
        tiled(network_of("unet"), values, 16, turned=spread("flips", 4), report=report)
    assert caught.value.keep is keep
    assert report.checks == at_check
