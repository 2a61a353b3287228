"""What moves between the parts of CryoNet: frozen things made of numpy arrays.

`Volume`, `ImageStack`, `Points`, `PointCloud` and `Poses` hold an array or a table and what is
known about it, and so does `Localisations`, of which images are drawn. They are in the order
z, y, x and in Å (nm for single-molecule images).
"""

from napari_cryonet.types.cloud import PointCloud
from napari_cryonet.types.images import ImageStack
from napari_cryonet.types.localisations import Localisations
from napari_cryonet.types.model import Model, ModelCard
from napari_cryonet.types.points import Points
from napari_cryonet.types.poses import Poses
from napari_cryonet.types.result import Result
from napari_cryonet.types.thing import Thing
from napari_cryonet.types.volume import Volume

__all__ = [
    "ImageStack",
    "Localisations",
    "Model",
    "ModelCard",
    "PointCloud",
    "Points",
    "Poses",
    "Result",
    "Thing",
    "Volume",
]
