"""Where a network runs, and in which precision.

On CPUs that multiply bfloat16 in hardware, mixed precision with channels-last layout
doubles the steps and cuts prediction to a third at equal quality; on others it is slower
than float32. Nobody knows from the name, so `choose` measures it once.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import psutil
import torch
from torch import nn
from torch.nn import functional

from napari_cryonet.errors import DeviceError, OutOfMemory
from napari_cryonet.nn.place import Place

_NARROW = ("DEFAULT", "AVX2", "NO AVX")
_DTYPES = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
_EXHAUSTED = (
    "out of memory",  # CUDA, MPS
    "can't allocate memory",  # CPU
    "not enough memory",  # CPU, on Windows
    "alloc_failed",  # cuBLAS, cuDNN
)


@dataclass(frozen=True)
class Compute:
    """A device and the precision of the network on it.

    Parameters
    ----------
    device
        Where tensors live.
    dtype
        Type of the mixed precision; None computes in float32.
    """

    device: torch.device
    dtype: torch.dtype | None = None

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Give the context in which the network is called."""
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    @property
    def fast(self) -> bool:
        """Whether it is more than a CPU that computes in float32."""
        return self.device.type != "cpu" or self.dtype is not None

    def __str__(self) -> str:
        """Name device and precision as a person would."""
        precision = "float32" if self.dtype is None else str(self.dtype).removeprefix("torch.")
        return f"{device_name(self.device)}, {precision}"


def choose(device: str = "auto", precision: str = "auto") -> Compute:
    """Choose the device and the precision.

    Parameters
    ----------
    device
        ``"auto"`` takes CUDA, then Apple's MPS, then the CPU; or a name torch knows.
    precision
        ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"``.

    Raises
    ------
    DeviceError
        If the device is unknown or not there.
    """
    found = torch.device(_own(_best())) if device == "auto" else _named(device)
    if precision != "auto":
        return Compute(found, _DTYPES[precision])
    if found.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return Compute(found, torch.bfloat16 if native else None)
    fast = found.type == "cpu" and bfloat16_is_faster()
    return Compute(found, torch.bfloat16 if fast else None)


def use_threads(*, window: bool) -> int:
    """Set how many CPU cores torch uses, and return that number.

    Parameters
    ----------
    window
        True leaves one physical core to the window, False uses all; processes that train one
        network share them.
    """
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    with contextlib.suppress(AttributeError):  # not on every system
        cores = min(cores, len(os.sched_getaffinity(0)))
    cores //= Place.find().near
    torch.set_num_threads(max(1, cores - 1 if window else cores))
    return torch.get_num_threads()


def device_name(device: torch.device) -> str:
    """Return what a person calls a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


@lru_cache(maxsize=1)
def bfloat16_is_faster() -> bool:
    """Measure whether this CPU convolves faster in bfloat16 than in float32.

    Where it has no wide vectors it is not even tried: emulated, it takes ten times as long.
    """
    if torch.backends.cpu.get_cpu_capability() in _NARROW:
        return False
    network = nn.Sequential(nn.Conv3d(16, 32, 3, padding=1), nn.Conv3d(32, 16, 3, padding=1))
    network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    probe = torch.zeros(2, 16, 24, 24, 24).to(memory_format=torch.channels_last_3d)
    half = _probe_seconds(network, probe, torch.bfloat16)
    return half < 0.8 * _probe_seconds(network, probe, None)


@contextlib.contextmanager
def memory_errors(what: str) -> Iterator[None]:
    """Turn every backend's out-of-memory error into `OutOfMemory` with a sentence."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, OutOfMemory) or not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"Not enough memory for {what}. Use smaller patches or a smaller batch, close other "
            f"programs that use the device, or choose another device."
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's memory is used up."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError | OutOfMemory):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _EXHAUSTED)


def free_memory(device: torch.device) -> int:
    """Return the bytes of memory that are free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def release_memory(device: torch.device) -> None:
    """Give cached memory of a device back, before a smaller piece is tried."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _best() -> str:
    """Return the name of the fastest kind of device that is there."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() and _pools_on_mps() else "cpu"


def _pools_on_mps() -> bool:
    """Whether this torch can do on an Apple GPU what the networks need of volumes."""
    try:
        pooled = functional.max_pool3d(torch.zeros(1, 1, 4, 4, 4, device="mps"), 2)
        functional.interpolate(pooled, scale_factor=2, mode="trilinear", align_corners=False)
    except (NotImplementedError, RuntimeError):
        return False
    return True


def _own(name: str) -> str:
    """Return the card of this process, if several train one network together."""
    place = Place.find()
    return f"cuda:{place.here}" if name == "cuda" and place.count > 1 else name


def _named(name: str) -> torch.device:
    """Return the device of a name, after making sure that it works."""
    try:
        device = torch.device(_own(name))
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(
            f"The device {name!r} is not available here; choose auto, cpu"
            f"{', cuda' if torch.cuda.is_available() else ''}, or see cryonet doctor."
        ) from error
    return device


def _probe_seconds(network: nn.Module, probe: torch.Tensor, dtype: torch.dtype | None) -> float:
    """Return the time of the fastest of a few calls."""
    compute, times = Compute(torch.device("cpu"), dtype), []
    for _ in range(4):
        start = time.perf_counter()
        with torch.inference_mode(), compute.autocast():
            network(probe)
        times.append(time.perf_counter() - start)
    return min(times)
