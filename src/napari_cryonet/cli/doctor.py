"""``cryonet doctor``: which versions, devices and limits were found."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import platformdirs
import psutil

from napari_cryonet import __version__
from napari_cryonet.cli.options import Flag
from napari_cryonet.cli.output import say_json, say_table
from napari_cryonet.cli.work import DONE, FAILED
from napari_cryonet.errors import DeviceError

_PACKAGES = ("torch", "numpy", "scipy", "napari", "npe2", "pydantic", "mrcfile", "astropy")
_QT = ("PyQt6", "PySide6", "PyQt5", "PySide2")
_OPENGL = {
    "version": re.compile(r"GL version:\s*(.+)"),
    "max_texture_2d": re.compile(r"\bMAX_TEXTURE_SIZE:.*?(\d+)[^\d\n]*$", re.MULTILINE),
    "max_texture_3d": re.compile(r"3D_TEXTURE_SIZE:.*?(\d+)[^\d\n]*$", re.MULTILINE),
}
_OPENGL_SECONDS = 60
_GIB = 1 << 30


def doctor(*, json: Flag = False) -> int:
    """Print which versions, devices, memory and limits were found, and what is wrong.

    Parameters
    ----------
    json
        Print an object.
    """
    found = examine()
    if json:
        say_json(found)
    else:
        _show(found)
    return FAILED if found["problems"] else DONE


def examine() -> dict[str, Any]:
    """Return everything that is worth knowing about this computer."""
    problems: list[str] = []
    data = platformdirs.user_data_path("napari-cryonet", False)
    return {
        "versions": _versions(),
        "platform": platform.platform(),
        **_computing(problems),
        "memory": {
            "total": psutil.virtual_memory().total,
            "free": psutil.virtual_memory().available,
        },
        "screen": has_screen(),
        "opengl": _opengl() if has_screen() else None,
        "folders": {"data": str(data), "here": str(Path.cwd())},
        "disk_free": {"data": _disk_free(data), "here": _disk_free(Path.cwd())},
        "problems": problems,
    }


def has_screen() -> bool:
    """Whether a window could be opened."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _versions() -> dict[str, str | None]:
    """Return the versions of Python, of this package and of those that matter to it."""
    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "napari_cryonet": __version__,
    }
    found |= {name: _version(name) for name in _PACKAGES}
    bindings = (f"{name} {_version(name)}" for name in _QT if _version(name))
    return found | {"qt": next(bindings, None)}


def _version(package: str) -> str | None:
    """Return the version of a package, None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _computing(problems: list[str]) -> dict[str, Any]:
    """Return devices, threads and precision, as far as torch can be loaded at all."""
    nothing: dict[str, Any] = {
        "devices": [],
        "chosen": None,
        "cpu_threads": None,
        "bfloat16_is_faster": None,
    }
    try:
        from napari_cryonet.nn import device
    except (ImportError, OSError) as error:
        problems.append(f"PyTorch cannot be loaded: {error}. Install it again.")
        return nothing
    threads = device.use_threads(window=False)
    devices = []
    for name in ("cpu", *(f"cuda:{number}" for number in range(16)), "mps"):
        try:
            compute = device.choose(name, "float32")
        except DeviceError:
            continue
        free = device.free_memory(compute.device)
        title = device.device_name(compute.device)
        devices.append({"name": name, "title": title, "memory_free": free})
    return {
        "devices": devices,
        "chosen": str(device.choose()),
        "cpu_threads": threads,
        "bfloat16_is_faster": device.bfloat16_is_faster(),
    }


def _opengl() -> dict[str, Any] | None:
    """Return version and limits of OpenGL, asked in a process of its own that may crash."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "napari", "--info"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_OPENGL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    matches = {name: pattern.search(done.stdout) for name, pattern in _OPENGL.items()}
    found: dict[str, Any] = {name: match[1].strip() for name, match in matches.items() if match}
    return {name: int(text) if text.isdigit() else text for name, text in found.items()} or None


def _disk_free(folder: Path) -> int | None:
    """Return the free bytes on the disk of a folder that need not exist yet."""
    for each in (folder, *folder.parents):
        if each.is_dir():
            return shutil.disk_usage(each).free
    return None


def _show(found: dict[str, Any]) -> None:
    """Print what was found as a person reads it."""
    opengl = found["opengl"]
    limits = "OpenGL did not answer"
    if opengl:
        largest = opengl.get("max_texture_2d"), opengl.get("max_texture_3d")
        limits = f"{opengl.get('version')}, textures up to {largest[0]} (2D), {largest[1]} (3D)"
    devices = (f"{d['name']}  {d['title']}, {_gib(d['memory_free'])}" for d in found["devices"])
    disks = (f"{found['folders'][name]}  {_gib(free)}" for name, free in found["disk_free"].items())
    say_table(
        {
            **{name: text or "not installed" for name, text in found["versions"].items()},
            "platform": found["platform"],
            "devices": "\n".join(devices),
            "computes on": found["chosen"],
            "CPU threads": found["cpu_threads"],
            "memory": _gib(found["memory"]["free"]),
            "OpenGL": limits if found["screen"] else "no screen",
            "disk": "\n".join(disks),
            "problems": "\n".join(found["problems"]) or "none",
        }
    )


def _gib(size: int | None) -> str:
    """Return bytes as a person reads them."""
    return "not known" if size is None else f"{size / _GIB:.1f} GiB free"
