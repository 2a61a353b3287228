"""All kinds of things, as one type."""

from napari_cryonet.types.cloud import PointCloud
from napari_cryonet.types.images import ImageStack
from napari_cryonet.types.points import Points
from napari_cryonet.types.poses import Poses
from napari_cryonet.types.volume import Volume

Thing = Volume | ImageStack | Points | PointCloud | Poses
"""What files and methods give and take."""
