"""Pickled checkpoints that are built to exhaust time or memory, or hold code."""

import io
import pickle
import warnings
import zipfile

import pytest
import torch

from tests.models.checkpoints import archive, refusal

TUPLES = {
    "of tuples by reference": b"\x80\x02)q\x00"
    + b"".join(b"h%ch%c\x86q%c" % (k, k, k + 1) for k in range(60))
    + b"0" * 60
    + b"0}h\x3cK\x01s.",
    "too deep for the stack": b"\x80\x02})" + b"\x85" * 500_000 + b"K\x01s.",
    "by memoize": b"\x80\x04})\x94" + b"2\x86" * 60 + b"K\x01s.",
}


@pytest.mark.parametrize("how", TUPLES)
def test_keys_that_take_forever_to_hash_are_refused(tmp_path, how):
    assert "a tuple of more than 1000" in refusal(archive(tmp_path / "w.pt", TUPLES[how]))


@pytest.mark.parametrize("how", TUPLES)
def test_an_archive_behind_an_old_checkpoint_does_not_hide_its_pickles(tmp_path, how):
    path, empty = tmp_path / "w.pt", io.BytesIO()
    torch.save({"w": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    with path.open("rb") as file:
        for _ in range(3):  # number of the format, protocol, system
            pickle.load(file)
        head = path.read_bytes()[: file.tell()]
    zipfile.ZipFile(empty, "w").close()
    path.write_bytes(head + TUPLES[how] + pickle.dumps([], 2) + empty.getvalue())
    assert "a tuple of more than 1000" in refusal(path, shapes_only=True)


@pytest.mark.parametrize(
    "pickled", [b"", b"\x80\x02}", b"\x80\x020000.", b"\x80\x02h\x05.", b"junk"]
)
def test_broken_pickles_are_told(tmp_path, pickled):
    refusal(archive(tmp_path / "w.pt", pickled))
    (tmp_path / "old.pt").write_bytes(pickled)
    refusal(tmp_path / "old.pt")


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"w": torch.zeros(2)}, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as made:
        made.writestr("archive/data/1", bytes(50_000_000))
    assert "unpacks to far more" in refusal(path)


def test_torchscript_is_told_as_such(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "m.pt")
    assert "TorchScript" in refusal(tmp_path / "m.pt")
