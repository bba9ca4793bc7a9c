"""A picture in the middle, as a file: what comes back, and what is refused."""

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from guided.config.composition import compose
from guided.config.plan import Plan
from guided.paths import PACKAGE
from guided.pipeline import Pipeline
from guided.runs import checkpoint
from guided.runs.checkpoint import CheckpointWriter

STATE = {
    "x": torch.randn(2, 3, 4, 5),
    "half": torch.randn(3, 4).to(torch.bfloat16),
    "at": torch.tensor(7),
    "dice": torch.arange(12, dtype=torch.uint8).view(2, 6),
    "strided": torch.randn(4, 6).T,
}


def saved(folder: Path) -> Path:
    path = folder / "0003.safetensors"
    checkpoint.save(path, STATE, "settings")
    return path


def test_every_bit_comes_back(tmp_path):
    found = checkpoint.load(saved(tmp_path), "settings")
    assert found.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_two_that_are_one_come_back_as_two(tmp_path):
    """A sampler may remember the very x that it has come to."""
    x = torch.randn(2, 2)
    checkpoint.save(tmp_path / "a", {"x": x, "memory.pred": x}, "")
    found = checkpoint.load(tmp_path / "a", "")
    assert torch.equal(found["x"], x) and torch.equal(found["memory.pred"], x)


def test_where_there_is_none_nothing_is_said(tmp_path, caplog):
    assert checkpoint.load(tmp_path / "none", "settings") is None
    assert not caplog.records


def test_one_of_other_settings_is_refused_in_one_line(tmp_path, caplog):
    assert checkpoint.load(saved(tmp_path), "other settings") is None
    (line,) = caplog.messages
    assert "other settings" in line and "begun anew" in line and "\n" not in line


@pytest.mark.parametrize("kept", [0, 1, 7, 100, 300, -200, -1])
def test_a_torn_one_is_refused_in_one_line(tmp_path, caplog, kept):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    assert checkpoint.load(path, "settings") is None
    (line,) = caplog.messages
    assert "begun anew" in line and "\n" not in line


def test_one_with_a_wrong_byte_anywhere_is_refused(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    path = saved(tmp_path)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        try:
            found = checkpoint.load(path, "settings")
        except Exception as error:
            pytest.fail(f"byte {at}: {error!r}")
        assert found is None, at


def test_a_pickle_in_its_place_is_not_run(tmp_path):
    path = tmp_path / "0003.safetensors"
    torch.save(STATE, path)
    assert checkpoint.load(path, "settings") is None


def test_the_old_one_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = saved(tmp_path)

    def killed(self, data):
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, {"x": torch.zeros(9)}, "settings")
    assert torch.equal(checkpoint.load(path, "settings")["x"], STATE["x"])


# ---- what it belongs to --------------------------------------------------------------------

WORDS = ("prompt=a {red|blue} heart", "seed=3", "steps=5", "init=perlin")


def of(*words: str, seeds: tuple[int, ...] = (3,)) -> str:
    plan = Plan.read(compose([*WORDS, *words]))
    return Pipeline(None, {}, None, "cpu", "float32").fingerprint(plan, list(seeds))


def test_the_same_words_have_the_same_fingerprint_in_every_process():
    code = "from tests.runs.test_checkpoint import of; print(of())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={"PYTHONHASHSEED": "77", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == of()


def test_what_changes_no_step_does_not_count():
    idle = ("count=9", "keep=1", "name=elsewhere", "output=[still]", "batch_size=2")
    assert of(*idle) == of()


@pytest.mark.parametrize(
    "word",
    [
        "prompt=a green heart",
        "steps=6",
        "sampler.eta=0.5",
        "cutouts.inner=1",
        "guide.clip.scale=1",
        "generator.symmetry=both",
        "init=perlin:gray",
        "mask=[0,0,1,0.5]",
        "outpaint=8",
    ],
)
def test_what_changes_a_step_counts(word):
    assert of(word) != of()


def test_the_seeds_that_are_drawn_together_count():
    assert len({of(), of(seeds=(4,)), of(seeds=(3, 4))}) == 3


def test_another_picture_of_the_same_name_counts(tmp_path):
    path, found = tmp_path / "init.png", []
    for colour in ("red", "blue"):
        Image.new("RGB", (32, 32), colour).save(path)
        found += [of(f"init={path}"), of(f"image_prompt={path}")]
    assert len(set(found)) == 4


def test_the_program_itself_counts(monkeypatch):
    before = of()
    monkeypatch.setattr(checkpoint, "code_hash", lambda: "another")
    assert of() != before


@pytest.fixture
def package(tmp_path):
    """A copy of the package's code."""
    copied = tmp_path / "guided"
    for path in PACKAGE.rglob("*.py"):
        target = copied / path.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return copied


def changed(package: Path, name: str) -> bool:
    """Whether a comment in a file changes the hash of the code."""
    checkpoint.code_hash.cache_clear()
    before = checkpoint.code_hash(package)
    with (package / name).open("a") as file:
        file.write("# a comment\n")
    checkpoint.code_hash.cache_clear()
    return checkpoint.code_hash(package) != before


def test_only_code_that_decides_pixels_counts(package):
    deciding = ("diffusion/samplers.py", "guides/clip_loss.py", "rng.py", "models/weights.py")
    others = ("gallery/pages.py", "cli/main.py", "batch/run.py", "outputs/still.py", "version.py")
    assert all(changed(package, name) for name in deciding)
    assert not any(changed(package, name) for name in others)


def test_all_code_that_decides_pixels_is_there():
    """A file that is renamed must not drop out unnoticed."""
    assert [name for name in checkpoint.PIXEL_CODE if not (PACKAGE / name).exists()] == []


# ---- when it is written --------------------------------------------------------------------


def test_it_is_written_when_it_is_due_and_not_before(tmp_path):
    path = tmp_path / ".work" / "0003.safetensors"
    rarely = CheckpointWriter(path, lambda: "x", interval=3600)
    rarely.update(STATE)
    assert not path.exists()
    often = replace(rarely, interval=0)
    often.update(None)  # the last step leaves nothing to go on to
    assert not path.exists() and often.load() is None
    often.update(STATE)
    assert torch.equal(often.load()["x"], STATE["x"])
    often.remove()
    assert not list(path.parent.iterdir())
    often.remove()  # twice is no harm


def test_what_a_picture_belongs_to_is_not_asked_while_nothing_is_kept(tmp_path):
    def asked():
        raise AssertionError

    mark = CheckpointWriter(tmp_path / "a", asked, interval=3600)
    mark.update(STATE)
    assert mark.load() is None


def test_where_it_cannot_be_written_drawing_goes_on_with_a_word(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    CheckpointWriter(tmp_path / "file" / "a.safetensors", lambda: "x", interval=0).update(STATE)
    (line,) = caplog.messages
    assert "cannot be written" in line
