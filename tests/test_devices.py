"""Devices that are not there are refused; precision follows the device."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from guided import devices
from guided.errors import BadInput


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "CPU", "", "cuda:0:1"])
def test_what_is_no_device_is_refused(name):
    with pytest.raises(BadInput, match="device="):
        devices.check_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(BadInput, match="device=cuda"):
        devices.find_device(devices.check_device("cuda"))


def test_a_number_beyond_the_last_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(devices, "available", lambda kind: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(BadInput, match="cuda:0 to cuda:1"):
        devices.find_device("cuda:2")
    assert devices.find_device("cuda:1") == torch.device("cuda:1")


def test_auto_takes_the_cpu_where_there_is_nothing_else(monkeypatch):
    monkeypatch.setattr(devices, "available", lambda kind: False)
    assert devices.find_device("auto") == torch.device("cpu")


def test_precision_is_safe_by_default(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert devices.find_precision("auto", torch.device("cpu")) == torch.float32
    assert devices.find_precision("auto", torch.device("mps")) == torch.float32
    assert devices.find_precision("auto", torch.device("cuda")) == torch.float16
    assert devices.find_precision("bfloat16", torch.device("cpu")) == torch.bfloat16


@pytest.mark.parametrize("value", ["auto", "off", 8, 0.5])
def test_memory_is_a_number_of_gigabytes_or_left_to_the_program(value):
    assert devices.check_memory(value) == value


def test_off_in_a_file_is_off():
    """YAML reads the word as false."""
    assert devices.check_memory(False) == "off"


@pytest.mark.parametrize("value", ["8GB", 0, -1, True, float("inf"), float("nan"), None, [8]])
def test_any_other_memory_is_refused_by_name(value):
    with pytest.raises(BadInput, match=r"memory=.* must be auto, off, or so many GB"):
        devices.check_memory(value)


AGAIN = """
import resource, torch
from guided.devices import keep_freed
keep_freed(torch.device("{device}"))
def pages(megabytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(megabytes * 2**20 // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first = pages(200)
print(pages(100) / first)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="its allocator is meant")
@pytest.mark.parametrize(("device", "kept"), [("cpu", True), ("cuda", False)])
def test_a_cpu_has_what_it_freed_at_hand(device, kept):
    """Counted are the pages of memory that the system had to bring."""
    code = AGAIN.format(device=device)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (float(ran.stdout) < 0.1) == kept


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "two", None, 1025])
def test_a_number_of_threads_that_cannot_be_is_refused(value):
    with pytest.raises(BadInput, match=r"threads=.*auto, or a whole number from 1 to 1024"):
        devices.check_threads(value)
    assert (devices.check_threads("auto"), devices.check_threads(3)) == (None, 3)


@pytest.mark.parametrize(("wanted", "threads"), [("3", 3), (" 4,2", 4), ("9999", 1024)])
def test_omp_num_threads_says_how_many_cores_there_are(monkeypatch, wanted, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert devices.cores() == threads


@pytest.mark.parametrize("wanted", ["", "0", "-2", "many", "²"])
def test_cores_are_those_that_the_process_may_use(monkeypatch, wanted):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 4, 5}, raising=False)
    monkeypatch.setattr(devices, "siblings", lambda cpu: f"{cpu // 2 * 2},{cpu // 2 * 2 + 1}")
    assert devices.cores() == 2


def test_threads_are_set_and_set_back():
    before = torch.get_num_threads()
    with devices.threads_restored():
        assert devices.set_threads(3) == torch.get_num_threads() == 3
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("before", "warned"), [("", False), ("{here}", False), ("m68k", True)])
def test_a_picture_of_another_processor_is_told(monkeypatch, caplog, before, warned):
    before = before.format(here=devices.processor())
    devices.warn_of_processor("from=a.png", before)
    assert ("from=a.png was drawn on m68k" in caplog.text) == warned
    assert bool(caplog.records) == warned


def test_waiting_threads_sleep_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    devices.wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    devices.wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "active"


@pytest.mark.parametrize(("value", "threads"), [(2, 2), (2.0, 2), ("auto", None)])
def test_threads_are_a_whole_number_in_any_spelling(value, threads):
    assert devices.check_threads(value) == threads


@pytest.mark.parametrize("value", [0, 2.5, True, "2", float("nan"), float("inf"), None, [2]])
def test_other_numbers_of_threads_are_refused(value):
    with pytest.raises(BadInput, match="threads="):
        devices.check_threads(value)
