"""The samples in File > Open Sample > CryoNet: simulated and small, most with their truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_cryonet.gui.layers import LayerData, layer_data
from napari_cryonet.signal.smlm_settings import SmlmSettings
from napari_cryonet.simulate import even_odd_tomogram, half_map_pair
from napari_cryonet.simulate.particles import DIAMETER, picking_sample
from napari_cryonet.simulate.smlm import smlm_images

_NOISE = 1.2
"""Correlation length of the noise in voxels: the longer, the more of it is in view."""

_LABELS = 20


def half_maps() -> list[LayerData]:
    """Return the half maps of a simulated protein, with mask and truth hidden.

    Returns
    -------
    list of tuple
        Layers of 96 × 96 × 96 voxels of 1.5 Å; the visible one is on top.
    """
    pair = half_map_pair(correlation=_NOISE)
    return [
        *_hidden(layer_data(pair.truth)),
        *_hidden(layer_data(pair.mask)),
        *layer_data(pair.second),
        *layer_data(pair.first),
    ]


def tomograms() -> list[LayerData]:
    """Return the even and odd tomogram of a simulated cell, with the truth hidden.

    Returns
    -------
    list of tuple
        Layers of 64 × 160 × 160 voxels of 10 Å; the visible one is on top.
    """
    pair = even_odd_tomogram()
    return [
        *_hidden(layer_data(pair.truth)),
        *layer_data(pair.odd),
        *layer_data(pair.even),
    ]


def tomogram() -> list[LayerData]:
    """Return a simulated tomogram of which there are no halves, with the truth hidden.

    Returns
    -------
    list of tuple
        Layers of 64 × 160 × 160 voxels of 10 Å; the visible one is on top.
    """
    pair = even_odd_tomogram()
    both = (pair.even.data + pair.odd.data) / np.float32(2)
    sentence = "Averaged with the odd tomogram."
    whole = pair.even.changed(both, sentence, name="simulated tomogram")
    return [*_hidden(layer_data(pair.truth)), *layer_data(whole)]


def particles() -> list[LayerData]:
    """Return a simulated tomogram full of particles, with 20 of them labelled.

    Returns
    -------
    list of tuple
        A layer of 64 × 192 × 192 voxels of 13.5 Å, below it where all particles are, hidden, and
        on top the labels.
    """
    sample = picking_sample((64, 192, 192), counts=(60, 30, 4), vesicle=False)
    radius = np.full(len(sample.particles), DIAMETER / 2)
    truth = replace(sample.particles, features={"radius": radius}, name="true particles, simulated")
    labels = replace(truth.kept(np.arange(_LABELS)), name="simulated particles")
    return [
        *_hidden(layer_data(truth)),
        *layer_data(sample.tomogram),
        *layer_data(labels),
    ]


def molecules() -> list[LayerData]:
    """Return simulated images of single molecules on a body with a head and two arms.

    Returns
    -------
    list of tuple
        A layer of 300 images of 64 × 64 pixels of 6.25 nm. The body itself is not among the layers:
        a reconstruction has a turn of its own, and may have the other hand.
    """
    settings = SmlmSettings(wobble=0.03, loss=0.3)
    stack = smlm_images(settings).images
    return layer_data(replace(stack, name="simulated molecules"))


def _hidden(layers: list[LayerData]) -> list[LayerData]:
    """Return layers that are not shown until asked for."""
    return [(data, {**attributes, "visible": False}, kind) for data, attributes, kind in layers]
