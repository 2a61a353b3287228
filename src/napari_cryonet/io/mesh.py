"""Clouds and meshes in PLY and OBJ files: x, y, z in the file, z, y, x inside.

Neither format knows units; lengths are taken as they are, in nm. A table in CSV names its unit and
is only written. trimesh reads and writes PLY with all properties of the vertices. OBJ lines are
read here, since trimesh splits and reorders vertices whose faces have normals of their own.

References
----------
Turk, *The PLY polygon file format*, 1994; *Wavefront OBJ*, appendix B1 of the Advanced
Visualizer manual.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.errors import DataError, FormatError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.io.compressed import open_stream
from napari_cryonet.types import PointCloud

SUFFIXES = (".ply", ".obj")
WRITTEN = (*SUFFIXES, ".csv")
_WEIGHT = "weight"


def read(path: Path) -> PointCloud:
    """Read the vertices, their weights and the faces of a file.

    Parameters
    ----------
    path
        A .ply file, whose vertices may have a property ``weight``, or an .obj file.

    Returns
    -------
    PointCloud
        In the order of the file; faces of more than three corners are cut into triangles.

    Raises
    ------
    FileProblem
        If the file cannot be read.
    FormatError
        If it is not what its name says, or holds no vertex.
    """
    vertices, faces, weights = _read_obj(path) if _is_obj(path) else _read_ply(path)
    if not len(vertices):
        raise FormatError(f"{path} holds no vertex; choose a file with a cloud or a mesh.")
    if not np.isfinite(vertices).all():
        raise FormatError(f"{path} holds a vertex that is no finite number; repair the file.")
    try:
        return PointCloud(
            vertices[:, ::-1].astype(float), faces, weights, name=path.stem, path=path
        )
    except DataError as error:
        raise FormatError(f"{path} is damaged: {error}") from error


def write(path: Path, cloud: PointCloud, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write a cloud as .ply (binary, with weights), .obj or a table in .csv, without faces.

    Returns
    -------
    tuple of str
        What the format could not hold, one sentence each.

    Raises
    ------
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    if _is_obj(path):
        lines = ["v {2:.6f} {1:.6f} {0:.6f}".format(*vertex) for vertex in cloud.vertices]
        lines += ["f {} {} {}".format(*(corner + 1 for corner in face)) for face in cloud.faces]
        content = "\n".join([f"o {path.stem}", *lines, ""]).encode()
    elif path.suffix.lower() == ".csv":
        content = _as_csv(cloud)
    else:
        content = _as_ply(cloud)
    with replacing(path, overwrite=overwrite) as part:
        part.write_bytes(content)
    lost = _is_obj(path) and cloud.weights is not None
    return ("OBJ files hold no weights; write a .ply file to keep them.",) if lost else ()


def _is_obj(path: Path) -> bool:
    """Whether a name is that of an OBJ file."""
    return path.suffix.lower() == ".obj"


def _as_csv(cloud: PointCloud) -> bytes:
    """Return the vertices of a cloud, and their weights, as a table."""
    unit = "nm" if cloud.unit == "nm" else "A"
    names = [f"{axis} [{unit}]" for axis in "xyz"]
    columns = [*cloud.vertices.T[::-1]]
    if cloud.weights is not None:
        names, columns = [*names, _WEIGHT], [*columns, cloud.weights]
    lines = [",".join(f"{value:.7g}" for value in row) for row in zip(*columns, strict=True)]
    return "\n".join([",".join(names), *lines, ""]).encode()


def _as_ply(cloud: PointCloud) -> bytes:
    """Return a cloud as a binary PLY file."""
    import trimesh  # takes most of a second

    weights: dict[str, Any] = (
        {} if cloud.weights is None else {_WEIGHT: cloud.weights.astype(np.float32)}
    )
    mesh: Any = trimesh.Trimesh(
        cloud.vertices[:, ::-1], cloud.faces, process=False, vertex_attributes=weights
    )
    content: bytes = mesh.export(file_type="ply", vertex_normal=False, include_attributes=True)
    return content


def _read_ply(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Return vertices x, y, z, faces and weights of a PLY file."""
    import trimesh

    with open_stream(path) as stream:
        try:
            mesh: Any = trimesh.load(stream, file_type="ply", process=False)
            table = mesh.metadata["_ply_raw"]["vertex"]
        except Exception as error:  # of whatever kind trimesh's decoders raise
            raise FormatError(
                f"{path} cannot be read as PLY: {error}. It is damaged, cut short or not a PLY "
                f"file."
            ) from error
    faces = getattr(mesh, "faces", np.empty((0, 3), dtype=np.int64))
    weights = None
    if _WEIGHT in table["properties"]:
        weights = np.asarray(table["data"][_WEIGHT], dtype=float).reshape(-1)
    return np.asarray(mesh.vertices), np.asarray(faces, dtype=np.int64), weights


def _read_obj(path: Path) -> tuple[NDArray[Any], NDArray[Any], None]:
    """Return vertices x, y, z and triangles of an OBJ file; all other lines are passed over."""
    vertices: list[list[float]] = []
    faces: list[list[int]] = []
    with open_stream(path) as stream:
        text = stream.read().decode("utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        kind, *words = line.split("#", 1)[0].split() or [""]
        try:
            if kind == "v":
                x, y, z = (float(word) for word in words[:3])
                vertices.append([x, y, z])
            elif kind == "f":
                corners = [int(word.split("/", 1)[0]) for word in words]
                own = [corner - 1 if corner > 0 else len(vertices) + corner for corner in corners]
                faces += [[own[0], *pair] for pair in pairwise(own[1:])]
        except (ValueError, IndexError) as error:
            raise FormatError(
                f"Line {number} of {path} is {line.strip()!r}; a vertex is written v x y z, a "
                f"face f and the numbers of its vertices."
            ) from error
    return np.array(vertices).reshape(-1, 3), np.array(faces, np.int64).reshape(-1, 3), None
