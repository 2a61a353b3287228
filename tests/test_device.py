"""Devices, precision, threads, and what is said when memory runs out."""

from __future__ import annotations

import psutil
import pytest
import torch

from napari_cryonet.errors import DeviceError, OutOfMemory, TrainingError
from napari_cryonet.nn import device
from napari_cryonet.nn.device import Compute, choose, is_out_of_memory, memory_errors
from napari_cryonet.reporting import Cancelled
from phantom import one_thread  # noqa: F401

CPU = torch.device("cpu")


@pytest.fixture
def machine(monkeypatch):
    """Return a function that pretends which accelerators are there."""

    def pretend(
        *, cuda: bool = False, mps: bool = False, native: bool = True, pools: bool = True
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: native)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(device, "_pools_on_mps", lambda: pools)

    return pretend


@pytest.mark.parametrize(
    ("present", "kind"),
    [
        ({"cuda": True, "mps": True}, "cuda"),
        ({"cuda": True}, "cuda"),
        ({"mps": True}, "mps"),
        ({"mps": True, "pools": False}, "cpu"),
        ({}, "cpu"),
    ],
)
def test_auto_takes_the_fastest_device_that_is_there(machine, present, kind):
    machine(**present)
    assert choose("auto", "float32") == Compute(torch.device(kind))


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("float32", None), ("bfloat16", torch.bfloat16), ("float16", torch.float16)],
)
def test_the_precision_is_the_one_that_was_asked_for(precision, dtype):
    assert choose("cpu", precision) == Compute(CPU, dtype)


@pytest.mark.parametrize("faster", [True, False])
def test_auto_precision_on_a_cpu_is_measured(monkeypatch, faster):
    monkeypatch.setattr(device, "bfloat16_is_faster", lambda: faster)
    assert choose("cpu").dtype == (torch.bfloat16 if faster else None)


def test_auto_precision_on_an_accelerator_is_known(machine, monkeypatch):
    monkeypatch.setattr(device, "bfloat16_is_faster", lambda: pytest.fail("needless"))
    machine(cuda=True)
    assert choose().dtype == torch.bfloat16
    machine(cuda=True, native=False)
    assert choose().dtype is None
    machine(mps=True)
    assert choose().dtype is None


def test_volumes_are_pooled_on_apple_gpus_only_if_there_is_one():
    assert device._pools_on_mps() == torch.backends.mps.is_available()


@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_each_process_of_a_team_takes_a_card_of_its_own(machine, monkeypatch, asked):
    machine(cuda=True)
    monkeypatch.setattr(device.Place, "find", lambda: device.Place(1, 2, 1, 2))
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: torch.tensor([0.0]))
    assert choose(asked, "float32").device == torch.device("cuda:1")


@pytest.mark.parametrize("name", ["banana", "", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_refused(machine, name):
    machine()
    with pytest.raises(DeviceError) as caught:
        choose(name)
    assert f"The device {name!r} is not available here; choose auto, cpu, or" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("dtype", "result"), [(None, torch.float32), (torch.bfloat16, torch.bfloat16)]
)
def test_autocast_computes_in_the_precision(dtype, result):
    layer = torch.nn.Conv3d(1, 1, 1)
    with torch.inference_mode(), Compute(CPU, dtype).autocast():
        assert layer(torch.ones(1, 1, 2, 2, 2)).dtype == result
    assert layer.weight.dtype == torch.float32


def test_device_and_precision_are_named_for_people():
    assert str(Compute(CPU)) == "CPU, 1 thread, float32"
    torch.set_num_threads(2)
    assert str(Compute(CPU, torch.bfloat16)) == "CPU, 2 threads, bfloat16"
    assert device.device_name(torch.device("mps")) == "Apple GPU"


def test_only_a_cpu_that_computes_in_float32_is_slow():
    assert not Compute(CPU).fast
    assert Compute(CPU, torch.bfloat16).fast
    assert Compute(torch.device("cuda")).fast
    assert Compute(torch.device("mps")).fast


@pytest.fixture
def unmeasured():
    """Forget what was measured of this CPU, before and after."""
    device.bfloat16_is_faster.cache_clear()
    yield
    device.bfloat16_is_faster.cache_clear()


def test_bfloat16_is_not_tried_where_it_is_emulated(monkeypatch, unmeasured):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(device, "_probe_seconds", lambda *given: pytest.fail("tried"))
    assert not device.bfloat16_is_faster()


def test_bfloat16_has_to_be_clearly_faster(monkeypatch, unmeasured):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    calls = []
    times = {torch.bfloat16: 0.7, None: 1.0}
    monkeypatch.setattr(
        device, "_probe_seconds", lambda net, probe, dtype: calls.append(dtype) or times[dtype]
    )
    assert device.bfloat16_is_faster()
    assert device.bfloat16_is_faster()
    assert len(calls) == 2
    device.bfloat16_is_faster.cache_clear()
    times[torch.bfloat16] = 0.9
    assert not device.bfloat16_is_faster()


def test_the_probe_measures_time():
    network, probe = torch.nn.Conv3d(1, 2, 3), torch.zeros(1, 1, 4, 4, 4)
    for dtype in (None, torch.bfloat16):
        assert 0 < device._probe_seconds(network, probe, dtype) < 10


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (MemoryError(), True),
        (OutOfMemory("too small"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("shape mismatch"), False),
        (DeviceError("no such device"), False),
        (TrainingError("not a number"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_out_of_memory_is_recognised(error, verdict):
    assert is_out_of_memory(error) is verdict


def test_a_real_allocation_that_fails_is_out_of_memory():
    with pytest.raises(OutOfMemory) as caught, memory_errors("one huge tensor"):
        torch.empty(1 << 60)
    assert str(caught.value).startswith("Not enough memory for one huge tensor. Use smaller")
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "error", [RuntimeError("shape mismatch"), ValueError("no"), Cancelled(), OutOfMemory("mine")]
)
def test_all_other_errors_pass_unchanged(error):
    with pytest.raises(type(error)) as caught, memory_errors("something"):
        raise error
    assert caught.value is error


@pytest.fixture
def threads(monkeypatch):
    """Return a function that pretends a machine and returns the threads torch was given."""
    given = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: given[-1])

    def use(physical, allowed, *, logical=8, window):
        counts = {False: physical, True: logical}
        monkeypatch.setattr(psutil, "cpu_count", lambda *, logical: counts[logical])
        monkeypatch.setattr(device.os, "cpu_count", lambda: logical)
        if allowed is None:
            monkeypatch.delattr(device.os, "sched_getaffinity", raising=False)
        else:
            affinity = set(range(allowed))
            monkeypatch.setattr(device.os, "sched_getaffinity", lambda pid: affinity, raising=False)
        assert device.use_threads(window=window) == given[-1]
        return given[-1]

    return use


@pytest.mark.parametrize(
    ("physical", "allowed", "window", "expected"),
    [
        (8, 16, False, 8),
        (8, 16, True, 7),
        (8, 2, False, 2),
        (8, 2, True, 1),
        (1, 1, True, 1),
        (4, None, True, 3),
        (None, 16, False, 8),
    ],
)
def test_the_window_keeps_a_core_for_itself(threads, physical, allowed, window, expected):
    assert threads(physical, allowed, window=window) == expected


def test_free_memory_of_a_cpu_is_what_the_system_says(monkeypatch):
    memory = type("Memory", (), {"available": 12345})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert device.free_memory(CPU) == 12345


def test_only_the_cache_of_the_device_in_use_is_given_back(monkeypatch):
    emptied = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append("cuda"))
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: emptied.append("mps"))
    for name in ("cpu", "cuda", "mps"):
        device.release_memory(torch.device(name))
    assert emptied == ["cuda", "mps"]
