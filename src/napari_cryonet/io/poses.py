"""Poses as a table: one line for each image, in CSV.

The columns are ``image`` (from 0), ``qw qx qy qz``, the unit quaternion of the rotation in x, y, z,
``shift_x [nm]`` and ``shift_y [nm]``, and whatever else is known of each pose.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_cryonet.errors import FileProblem, FormatError
from napari_cryonet.io.atomic import replacing
from napari_cryonet.types import Poses

_QUATERNION = ("qw", "qx", "qy", "qz")
_UNITS = {"Å": "A", "nm": "nm"}


def write(path: Path, poses: Poses, *, overwrite: bool = False) -> None:
    """Write poses as a table.

    Raises
    ------
    OutputExists, FileProblem
        If the file is there, or cannot be written.
    """
    import pandas as pd
    from scipy.spatial.transform import Rotation

    in_xyz = Rotation.from_matrix(poses.rotations[:, ::-1, ::-1])
    quaternions = in_xyz.as_quat(canonical=True, scalar_first=True)
    unit = _UNITS[poses.unit]
    columns: dict[str, Any] = {"image": np.arange(len(poses))}
    columns |= dict(zip(_QUATERNION, quaternions.T, strict=True))
    columns |= {f"shift_x [{unit}]": poses.shifts[:, 1], f"shift_y [{unit}]": poses.shifts[:, 0]}
    with replacing(path, overwrite=overwrite) as part:
        pd.DataFrame(columns | dict(poses.features)).to_csv(part, index=False, float_format="%.7g")


def read(path: Path) -> Poses:
    """Read a table of poses.

    Raises
    ------
    FileProblem, FormatError
        If the file cannot be read or is no such table.
    """
    import pandas as pd
    from scipy.spatial.transform import Rotation

    try:
        table = pd.read_csv(path)
    except OSError as error:
        raise FileProblem(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise FormatError(f"{path} is no table of poses: {error}.") from error
    unit = next((each for each, word in _UNITS.items() if f"shift_x [{word}]" in table), "nm")
    shifts = [f"shift_y [{_UNITS[unit]}]", f"shift_x [{_UNITS[unit]}]"]
    missing = [name for name in (*_QUATERNION, *shifts) if name not in table]
    if missing:
        raise FormatError(
            f"{path} has no column {', '.join(missing)}; poses are written by cryonet pointcloud."
        )
    try:
        numbers = table[[*_QUATERNION, *shifts]].to_numpy(float)
        matrices = Rotation.from_quat(numbers[:, :4], scalar_first=True).as_matrix()
    except ValueError as error:
        raise FormatError(f"{path} has a line that is no pose: {error}.") from error
    known = {"image", *_QUATERNION, *shifts}
    features = {name: table[name].to_numpy() for name in table if name not in known}
    return Poses(
        np.ascontiguousarray(matrices[:, ::-1, ::-1]), numbers[:, 4:], features,
        "Å" if unit == "Å" else "nm", name=path.stem, path=path,
    )  # fmt: skip
