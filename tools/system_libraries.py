"""Check, and on Debian or Ubuntu install, the system libraries that a napari window needs.

Qt and OpenGL bindings from a package index rely on shared libraries of the system, and a
machine without a screen needs a virtual one. Run with any Python from 3.11 on, before
anything else is installed; root installs what is missing, others are told the command.
Other systems than Linux need nothing.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX_mesa.so.0": "libglx-mesa0",
    "libOpenGL.so.0": "libopengl0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
PROGRAMS = {"Xvfb": "xvfb", "xvfb-run": "xvfb", "xauth": "xauth"}
DRIVER = "Mesa's software driver"
DRIVER_PACKAGE = "libgl1-mesa-dri"
DRIVER_FILES = ("dri/swrast_dri.so", "dri/libdril_dri.so", "libgallium-*.so")
LIBRARY_FOLDERS = ("lib", "lib64", "lib/*-linux-gnu*")
RENAMED = {"libglib2.0-0": "libglib2.0-0t64"}


def missing() -> dict[str, str]:
    """Return what is missing, each with the Debian package that brings it."""
    absent = {name: package for name, package in LIBRARIES.items() if not loads(name)}
    absent |= {name: package for name, package in PROGRAMS.items() if not shutil.which(name)}
    return absent if has_driver() else absent | {DRIVER: DRIVER_PACKAGE}


def loads(library: str) -> bool:
    """Whether the dynamic loader finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def has_driver() -> bool:
    """Whether OpenGL can be drawn without a graphics card."""
    folders = [folder for name in LIBRARY_FOLDERS for folder in Path("/usr").glob(name)]
    return any(True for folder in folders for name in DRIVER_FILES for _ in folder.glob(name))


def present_name(package: str) -> str:
    """Return the name of a package in this distribution."""
    other = RENAMED.get(package)
    if other is None:
        return package
    shown = subprocess.run(["apt-cache", "show", other], capture_output=True, check=False)
    return other if shown.returncode == 0 else package


def install(packages: list[str]) -> bool:
    """Install Debian packages without asking; return whether that went well."""
    apt = ["apt-get", "-y", "-o", "DPkg::Lock::Timeout=300"]
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*apt, "update"], env=quiet, check=False)
    names = [present_name(package) for package in packages]
    command = [*apt, "install", "--no-install-recommends", *names]
    return subprocess.run(command, env=quiet, check=False).returncode == 0


def main() -> int:
    """Return 0 if all is there in the end, 1 otherwise."""
    if sys.platform != "linux":
        return 0
    absent = missing()
    if not absent:
        print("All system libraries for a napari window are there.")
        return 0
    packages = sorted(set(absent.values()))
    found = f"Missing for a napari window: {', '.join(sorted(absent))}."
    if shutil.which("apt-get") is None:
        print(f"{found} Install them with the package manager of this system.")
        return 1
    if os.geteuid() != 0:
        names = " ".join(present_name(package) for package in packages)
        print(f"{found} Install them with:\nsudo apt-get install --no-install-recommends {names}")
        return 1
    print(f"{found} Installing {' '.join(packages)}.", flush=True)
    if install(packages) and not (absent := missing()):
        return 0
    print(f"Still missing after apt-get install: {', '.join(sorted(absent))}; see above for why.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
