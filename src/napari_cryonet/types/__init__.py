"""What moves between the parts of CryoNet: frozen things made of numpy arrays.

`Volume`, `ImageStack`, `Points` and `PointCloud` hold an array or a table and what is
known about it. They are in the order z, y, x and in Å (nm for single-molecule images).
"""

from napari_cryonet.types.cloud import PointCloud
from napari_cryonet.types.images import ImageStack
from napari_cryonet.types.model import Model, ModelCard
from napari_cryonet.types.points import Points
from napari_cryonet.types.result import Result
from napari_cryonet.types.volume import Volume

Thing = Volume | ImageStack | Points | PointCloud

__all__ = ["ImageStack", "Model", "ModelCard", "PointCloud", "Points", "Result", "Thing", "Volume"]
