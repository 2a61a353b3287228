"""The networks have the shape, the reach and the size that others rely on."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch
from torch import nn

from napari_cryonet.errors import ModelError
from napari_cryonet.nn.unet import SubpixelUNet, build, depth_to_space, space_to_depth
from phantom import one_thread  # noqa: F401

SMALL = [
    {"kind": "subpixel", "width": 3, "detail": 2},
    {"kind": "unet", "width": 2, "depth": 1},
    {"kind": "unet", "width": 2, "depth": 2, "transposed": True},
    {"kind": "unet", "width": 2, "depth": 3},
]
OPTIONS = [
    {"kind": "subpixel", "width": 4},
    {"kind": "unet", "width": 4, "depth": 2},
    {"kind": "unet", "width": 4, "depth": 2, "leak": 0.0},
    {"kind": "unet", "width": 4, "depth": 2, "transposed": True},
    {"kind": "unet", "width": 4, "depth": 2, "residual": True},
    {"kind": "unet", "width": 4, "depth": 2, "transposed": True, "leak": 0.0, "residual": True},
]


def names(spec):
    return "-".join(f"{value}" for value in spec.values())


def size(network):
    return sum(each.numel() for each in network.parameters())


@pytest.mark.parametrize("spec", SMALL, ids=names)
@pytest.mark.parametrize("dims", [2, 3])
def test_the_output_has_the_shape_of_the_input(spec, dims):
    network = build({**spec, "dims": dims})
    cell = network.multiple
    for sides in ([cell] * dims, [cell * n for n in (1, 2, 3)][:dims]):
        image = torch.zeros(2, 1, *sides)
        assert network(image).shape == image.shape


@pytest.mark.parametrize("dims", [2, 3])
def test_space_to_depth_puts_the_voxels_of_a_cell_into_channels(dims):
    sides = (4, 2, 6)[:dims]
    image = torch.arange(2 * 3 * torch.Size(sides).numel()).reshape(2, 3, *sides)
    cells = space_to_depth(image)
    assert cells.shape == (2, 3 * 2**dims, *(side // 2 for side in sides))
    for number, offset in enumerate(product((0, 1), repeat=dims)):
        own = image[(..., *(slice(start, None, 2) for start in offset))]
        assert torch.equal(cells[:, 3 * number : 3 * number + 3], own)


@pytest.mark.parametrize("dims", [2, 3])
def test_depth_to_space_undoes_space_to_depth(dims):
    image = torch.randn(2, 3, *(4, 6, 8)[:dims])
    assert torch.equal(depth_to_space(space_to_depth(image)), image)
    cells = torch.randn(2, 3 * 2**dims, *(3, 2, 5)[:dims])
    assert torch.equal(space_to_depth(depth_to_space(cells)), cells)


@pytest.mark.parametrize("spec", SMALL, ids=names)
def test_one_voxel_is_felt_as_far_as_reach_and_no_further(spec):
    """With positive weights and no other input nothing can cancel: what is felt is not 0."""
    network = build({**spec, "dims": 2}).double()
    with torch.no_grad():
        for each in network.parameters():
            each.fill_(0.0 if each.ndim == 1 else 0.1)
    side = 4 * network.reach // network.multiple * network.multiple + network.multiple
    farthest = 0
    for offset in range(network.multiple):
        centre = side // 2 // network.multiple * network.multiple + offset
        image = torch.zeros(1, 1, side, side, dtype=torch.float64)
        image[0, 0, centre, centre] = 1.0
        with torch.inference_mode():
            felt = network(image)[0, 0].nonzero()
        assert felt.min() > 0
        assert felt.max() < side - 1
        farthest = max(farthest, int((felt - centre).abs().max()))
    assert network.reach / 2 <= farthest <= network.reach
    assert network.reach % network.multiple == 0


@pytest.mark.parametrize("spec", [SMALL[0], SMALL[2]], ids=names)
def test_beyond_its_reach_a_voxel_changes_nothing(spec):
    torch.manual_seed(1)
    network, side = build(spec).eval(), 64
    image = torch.randn(1, 1, side, side, side)
    changed = image.clone()
    changed[0, 0, 1, 2, 3] += 100.0
    with torch.inference_mode():
        difference = (network(changed) - network(image))[0, 0]
    far = difference.clone()
    reach = network.reach
    far[: 1 + reach + 1, : 2 + reach + 1, : 3 + reach + 1] = 0
    assert difference.abs().max() > 0
    assert far.abs().max() == 0


def test_sides_that_are_no_multiples_are_not_accepted():
    for spec in SMALL:
        with pytest.raises(RuntimeError):
            build(spec)(torch.zeros(1, 1, 8, 8, 9))


def convolution(side, low, high):
    """The size of a three-dimensional convolution: weights and biases."""
    return side**3 * low * high + high


@pytest.mark.parametrize("width", [8, 32])
def test_the_size_of_the_subpixel_network_is_known(width):
    detail = 7
    halves = [(8, width), (width, 2 * width), (3 * width, width)]
    expected = sum(convolution(3, low, high) + convolution(3, high, high) for low, high in halves)
    expected += convolution(1, width, 8 * detail)
    expected += convolution(3, detail + 1, 8) + convolution(1, 8, 1)
    assert size(SubpixelUNet(width)) == expected
    assert size(SubpixelUNet()) == 314_889


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("width", "depth"), [(4, 2), (6, 3)])
def test_the_size_of_the_classical_network_is_known(width, depth, transposed):
    widths = [width << level for level in range(depth + 1)]
    pairs = list(pairwise(widths))
    expected = convolution(3, 1, width) + convolution(3, width, width) + convolution(1, width, 1)
    for low, high in pairs:
        expected += convolution(3, low, high) + convolution(3, high, high)
        joined = 2 * low if transposed else high + low
        expected += convolution(3, joined, low) + convolution(3, low, low)
        expected += convolution(2, high, low) if transposed else 0
    network = build({"kind": "unet", "width": width, "depth": depth, "transposed": transposed})
    assert size(network) == expected


def test_the_network_of_protein_denoiser_can_be_built():
    network = build({"kind": "unet", "width": 64, "depth": 3, "transposed": True, "leak": 0.0})
    assert size(network) == 22_393_793


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"kind": "transformer"},
        {"kind": "subpixel", "depth": 3},
        {"kind": "unet", "colour": "red"},
        {"kind": "unet", "dims": 4},
        {"kind": "unet", "width": "wide"},
    ],
    ids=str,
)
def test_a_network_that_is_not_known_here_is_refused(spec):
    with pytest.raises(ModelError, match=r"is unknown here; known kinds are subpixel, unet"):
        build(spec)


@pytest.mark.parametrize("spec", OPTIONS, ids=names)
@pytest.mark.parametrize("dims", [2, 3])
def test_every_parameter_learns_in_one_step(spec, dims):
    torch.manual_seed(0)
    network = build({**spec, "dims": dims})
    image = torch.randn(2, 1, *[16] * dims)
    before = [each.detach().clone() for each in network.parameters()]
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0)
    first = (network(image) - image.roll(1, -1)).square().mean()
    first.backward()
    optimiser.step()
    for old, new in zip(before, network.parameters(), strict=True):
        assert not torch.equal(old, new)
    assert (network(image) - image.roll(1, -1)).square().mean() < first


@pytest.mark.parametrize("spec", OPTIONS, ids=names)
def test_a_network_starts_nearly_silent(spec):
    """Neither as the identity, which learns nothing for minutes, nor loud."""
    torch.manual_seed(0)
    network = build(spec)
    image = torch.randn(1, 1, 16, 16, 16)
    with torch.inference_mode():
        out = network(image) - (image if spec.get("residual") else 0)
    assert 0 < out.std() < 0.3
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
            assert (module.bias == 0).all()


def test_the_subpixel_network_starts_without_a_checkerboard():
    torch.manual_seed(0)
    network = SubpixelUNet(4)
    with torch.inference_mode():
        detail = depth_to_space(network.spread(torch.randn(1, 4, 3, 3, 3)))
    cells = space_to_depth(detail).unflatten(1, (8, -1))
    assert torch.equal(cells, cells[:, :1].expand_as(cells))
    assert detail.std() > 0


@pytest.mark.parametrize("dims", [2, 3])
def test_weights_lie_in_memory_channels_last(dims):
    layout = torch.channels_last if dims == 2 else torch.channels_last_3d
    network = build({"kind": "subpixel", "width": 4, "dims": dims})
    assert network.merge[0].weight.is_contiguous(memory_format=layout)
    assert not network.merge[0].weight.is_contiguous()
