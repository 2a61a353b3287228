"""CryoNet for napari: denoise, pick, measure and reconstruct in electron cryo-microscopy.

Files become things, methods turn things into things, faces show things. From Python::

    from napari_cryonet import read, write

    tomogram = read("TS_01.rec")
    print(tomogram.shape, tomogram.voxel_size)

Importing this package loads neither torch nor napari.
"""

from importlib.metadata import PackageNotFoundError, version

from napari_cryonet.io import read, read_all, write
from napari_cryonet.types import ImageStack, Model, ModelCard, PointCloud, Points, Volume

try:
    __version__ = version("napari-cryonet")
except PackageNotFoundError:
    __version__ = "uninstalled"

__all__ = [
    "ImageStack",
    "Model",
    "ModelCard",
    "PointCloud",
    "Points",
    "Volume",
    "__version__",
    "read",
    "read_all",
    "write",
]
