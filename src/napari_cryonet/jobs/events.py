"""Running work that speaks JSON lines, for a parent process that shows it.

Each line on the standard output is one event: ``step``, ``say``, ``warn``, ``preview``, and at
the end ``done``, ``cancelled`` or ``failed``. Lines on the standard input are orders: ``stop``,
``discard``, or ``want z0 z1 y0 y1 x0 x1``.
"""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from napari_cryonet.reporting import Box, Cancelled
from napari_cryonet.types import PointCloud, Volume

_WANT = re.compile(r"want((?: \d+){6})")


class EventReporter:
    """Writes what it is told as JSON lines, and reads orders.

    Parameters
    ----------
    out
        Where events go.
    orders
        Where orders come from; read by a thread of its own until it ends.
    scratch
        Where previews are put as ``preview.npy``.
    """

    def __init__(self, out: IO[str], orders: IO[str], scratch: Path) -> None:
        self._out = out
        self._scratch = scratch
        self._stop: str = ""
        self._region: Box | None = None
        threading.Thread(target=self._listen, args=(orders,), daemon=True).start()

    def event(self, kind: str, /, **fields: Any) -> None:
        """Write one event."""
        self._out.write(json.dumps({"event": kind, **fields}) + "\n")
        self._out.flush()

    def step(self, done: float, total: float, **metrics: float) -> None:
        """Write a step."""
        self.event("step", done=done, total=total, metrics=metrics)

    def say(self, message: str) -> None:
        """Write a sentence."""
        self.event("say", message=message)

    def warn(self, message: str) -> None:
        """Write a warning."""
        self.event("warn", message=message)

    def check(self) -> None:
        """Raise `Cancelled` if it was ordered."""
        if self._stop:
            raise Cancelled(keep=self._stop == "stop")

    def wanted(self) -> Box | None:
        """Return the region of the last order for a preview."""
        return self._region

    def preview(self, thing: Volume | PointCloud) -> None:
        """Put a preview into the scratch folder, and say so."""
        path = self._scratch / "preview.npy"
        part = path.with_suffix(".part.npy")
        place: dict[str, Any]
        if isinstance(thing, PointCloud):
            data, place = thing.vertices, {"unit": thing.unit}
        else:
            data, place = thing.data, {"origin": thing.origin, "voxel_size": thing.voxel_size}
        np.save(part, data, allow_pickle=False)
        part.replace(path)
        self.event("preview", path=str(path), name=thing.name, **place)

    def _listen(self, orders: IO[str]) -> None:
        """Take orders until there are no more; what is none is passed over."""
        for line in orders:
            if line.strip() in ("stop", "discard"):
                self._stop = line.strip()
            elif order := _WANT.fullmatch(line.strip()):
                limits = [int(number) for number in order[1].split()]
                z, y, x = (slice(*limits[start : start + 2]) for start in (0, 2, 4))
                self._region = (z, y, x)
