"""Images of particles from tables of localisations."""

import numpy as np
import pytest

from napari_cryonet.errors import DataError
from napari_cryonet.io import localisations
from napari_cryonet.io.localisation_settings import LocalisationSettings
from napari_cryonet.signal.particle_images import dense_groups, particle_images
from napari_cryonet.signal.particle_settings import ParticleSettings
from napari_cryonet.signal.splat import splat
from napari_cryonet.types import Localisations

BOX = ParticleSettings(box=48, least=1)


@pytest.fixture
def table():
    """Three clusters of 30 places, 500 nm from each other, and five places in between."""
    random = np.random.default_rng(0)
    middles = np.array([[0, 0], [0, 500], [500, 0]])
    places = (middles[:, None] + random.normal(scale=20, size=(3, 30, 2))).reshape(-1, 2)
    places = np.concatenate([places, [[250, 250], [260, 400], [400, 250], [700, 700], [-300, 0]]])
    group = np.repeat([4, 7, 9, -1], [30, 30, 30, 5])
    photons, error = random.uniform(1, 2, len(places)), np.full(len(places), 15.0)
    features = {"group": group, "photons": photons, "uncertainty": error}
    return Localisations(places, features)


def test_splats_equal_the_formula_in_two_dimensions():
    random = np.random.default_rng(1)
    places, sigma, weights = random.uniform(0, 9, (5, 2)), random.uniform(1, 2, 5), np.arange(5.0)
    y, x = np.mgrid[:9, :12]
    wanted = sum(
        w * np.exp(-((y - p[0]) ** 2 + (x - p[1]) ** 2) / (2 * s * s)) / (2 * np.pi * s * s)
        for p, s, w in zip(places, sigma, weights, strict=True)
    )
    np.testing.assert_allclose(splat(places, (9, 12), sigma, weights), wanted, rtol=1e-5)


def test_a_spot_is_where_it_is_said_to_be():
    assert splat(np.array([[3.0, 5.0]]), (9, 12), 0.8).argmax() == 3 * 12 + 5


def test_groups_picks_and_density_give_the_same_images(table):
    one = particle_images(table, BOX)
    two = particle_images(table, BOX, picks=np.array([[0.0, 0], [0, 500], [500, 0]]))
    three = particle_images(table, BOX.updated({"by": "density", "link": 40.0, "neighbours": 1}))
    np.testing.assert_array_equal(one.groups, [4, 7, 9])
    for other in (two, three):
        np.testing.assert_allclose(other.images.data, one.images.data, atol=1e-6)
        np.testing.assert_allclose(other.centres, one.centres)
    np.testing.assert_allclose(one.images.data.sum(axis=(1, 2)), 30, rtol=1e-3)
    assert (one.images.pixel_size, one.images.unit, one.images.spot) == ((5.0, 5.0), "nm", 7.5)


def test_places_next_to_dense_ones_belong_to_them():
    places = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0], [50, 0], [51, 0], [90, 0]])
    np.testing.assert_array_equal(dense_groups(places, 1.5, 2), [0, 0, 0, 0, -1, -1, -1])
    np.testing.assert_array_equal(dense_groups(places, 1.5, 1), [0, 0, 0, 0, 1, 1, -1])


def test_pixels_and_nanometres_give_the_same_image(tmp_path, table):
    y, x = table.plane.T.tolist()
    group = table.features["group"]

    def drawn(name, header, scale, **asked):
        lines = [f"{a / scale!r},{b / scale!r},{g}" for a, b, g in zip(x, y, group, strict=True)]
        (tmp_path / name).write_text("\n".join([header, *lines]))
        read = localisations.read(tmp_path / name, LocalisationSettings(**asked))
        return particle_images(read, BOX).images.data

    nm = drawn("nm.csv", "x [nm],y [nm],group", 1.0)
    pixels = drawn("px.csv", "x,y,group", 106.7, unit="pixels", camera_pixel=106.7)
    np.testing.assert_allclose(pixels, nm, atol=1e-6)


def test_width_weight_number_and_copies_are_as_asked(table):
    wide = particle_images(table, BOX.updated({"width": "uncertainty"})).images.data
    alike = particle_images(table, BOX.updated({"sigma": 15.0})).images.data
    np.testing.assert_allclose(wide, alike)
    bright = particle_images(table, BOX.updated({"weight": "photons"})).images.data
    total = [table.features["photons"][table.features["group"] == g].sum() for g in (4, 7, 9)]
    np.testing.assert_allclose(bright.sum(axis=(1, 2)), total, rtol=1e-3)
    few = particle_images(table, BOX.updated({"most": 10, "copies": 3}))
    assert few.images.data.shape == (9, 48, 48)
    np.testing.assert_allclose(few.images.data.sum(axis=(1, 2)), 10, rtol=1e-2)
    assert abs(few.images.data[0] - few.images.data[2]).max() > 0.01


def test_halves_of_the_images_have_no_particle_in_common(table):
    found = particle_images(table, BOX.updated({"copies": 3}))
    assert found.groups.tolist() == [4, 7, 4, 7, 4, 7, 9, 9, 9]
    assert not set(found.groups[0:6:2]) & set(found.groups[1:6:2])
    once = particle_images(table, BOX)
    for place, group in ((0, 0), (1, 1), (6, 2)):  # the first copy of each is not turned
        np.testing.assert_allclose(found.images.data[place], once.images.data[group])
        np.testing.assert_allclose(found.centres[place], once.centres[group])


def test_the_width_that_was_drawn_is_told(table):
    assert particle_images(table, BOX).images.spot == pytest.approx(BOX.sigma)
    wide = particle_images(table, BOX.updated({"width": "uncertainty"})).images
    assert wide.spot == pytest.approx(15.0)


def test_a_column_matters_only_where_it_is_used(table):
    values = table.features["uncertainty"].copy()
    values[1] = np.nan
    odd = Localisations(table.positions, {**table.features, "uncertainty": values})
    assert len(particle_images(odd, BOX).groups) == 3
    with pytest.raises(DataError, match=r"The column uncertainty of .* no finite numbers"):
        particle_images(odd, BOX.updated({"width": "uncertainty"}))


def test_what_a_table_lacks_is_said(table):
    bare = Localisations(table.positions)
    with pytest.raises(DataError, match="no column group"):
        particle_images(bare, BOX)
    with pytest.raises(DataError, match="no column photons"):
        particle_images(bare, BOX.updated({"weight": "photons", "by": "density"}))
    with pytest.raises(DataError, match="none with 31 or more"):
        particle_images(table, BOX.updated({"least": 31}))
    with pytest.raises(DataError, match="Row 2 of"):
        Localisations(np.array([[0, 0], [0, np.nan]]))
