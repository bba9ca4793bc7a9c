"""Real batches: what fails leaves the rest, what stops goes on, and many draw what one would."""

import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from PIL import Image

from guided.batch.planning import plan_batch
from guided.batch.run import begin, draw, resume
from guided.config import understanding
from guided.config.composer import Composer
from guided.config.replay import Record
from guided.devices import threads_restored
from guided.errors import Failed
from guided.gallery import pages
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.pipeline import Pipeline
from guided.runs import layout, record
from guided.runs.manifest import DONE, FAILED, Manifest, Row

ROOT = Path(__file__).parent.parent.parent
SHORT = [
    *("steps=2", "sampler.recurrence=1", "cutouts.overview=1", "cutouts.inner=1"),
    "output=[still,metrics]",
]


def latest(folder: Path) -> Path:
    return (folder / "latest").resolve()


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("image_*")}


def states(folder: Path) -> list[str]:
    return [picture.state for picture in Manifest.read(folder).pictures]


@pytest.fixture(scope="module")
def four(tmp_path_factory) -> dict[str, bytes]:
    """What one process draws."""
    root = tmp_path_factory.mktemp("four")
    return pictures(draw(["prompt=a red heart", "seed=5", "count=4", f"folder={root}", *SHORT]))


def test_rows_are_what_they_would_be_alone(tmp_path, four):
    (tmp_path / "p.csv").write_text("prompt,seed\na sun,1\na red heart,6\n")
    found = pictures(draw([f"prompts={tmp_path}/p.csv", f"folder={tmp_path}", *SHORT]))
    assert sorted(found) == ["image_0000.png", "image_0001.png"]
    with_seed_6 = four["image_0001.png"]
    assert Image.open(tmp_path / "latest" / "image_0001.png").tobytes() == pixels(with_seed_6)


def pixels(data: bytes) -> bytes:
    from io import BytesIO

    with Image.open(BytesIO(data)) as image:
        return image.tobytes()


def test_a_missing_file_leaves_the_rest_and_is_tried_again_when_it_is_there(tmp_path):
    photo = tmp_path / "photo.png"
    (tmp_path / "p.csv").write_text(f"prompt,init\na sun,\na star,{photo}\na heart,\n")
    with pytest.raises(Failed, match=r"p\.csv:3.*photo\.png") as caught:
        draw([f"prompts={tmp_path}/p.csv", "seed=1", f"folder={tmp_path}/out", *SHORT])
    folder = latest(tmp_path / "out")
    assert str(caught.value).splitlines()[-1].endswith(f"python run.py resume={folder}")
    assert states(folder) == ["done", "failed", "done"]
    before = {path: path.stat().st_mtime_ns for path in folder.glob("image_*")}
    Image.new("RGB", (32, 32)).save(photo)
    resume([f"resume={folder}"])
    assert states(folder) == ["done"] * 3
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (folder / "image_0001.png").exists()


def test_prompts_that_are_no_utf8_lose_no_batch(tmp_path):
    """YAML's and JSON's escapes may say an emoji in two halves, and a terminal only one."""
    (tmp_path / "p.yaml").write_text('["a sun \\ud83d\\ude00", "a \\udce9 star"]')
    folder = draw(
        [f"prompts={tmp_path}/p.yaml", "negative=fog \udce9", f"folder={tmp_path}", *SHORT]
    )
    found = Manifest.read(folder)
    assert [picture.prompt for picture in found.pictures] == ["a sun 😀", "a ? star"]
    assert [picture.state for picture in found.pictures] == ["done", "done"]
    assert record.read(folder / "image_0000.png")["prompt"] == "a sun 😀"


def test_a_file_beside_a_picture_is_not_the_picture(tmp_path):
    (tmp_path / "image_0000.png.bak").touch()
    (tmp_path / "image_0000.txt").touch()
    assert layout.find_image(tmp_path, 0) is None
    (tmp_path / "image_0000.webp").touch()
    assert layout.find_image(tmp_path, 0) == "image_0000.webp"


def test_a_batch_is_resumed_from_another_place_with_the_files_of_its_own(tmp_path, monkeypatch):
    for place, colour in (("here", "red"), ("there", "blue")):
        (tmp_path / place).mkdir()
        Image.new("RGB", (32, 32), colour).save(tmp_path / place / "photo.png")
    monkeypatch.chdir(tmp_path / "here")
    words = ["prompt=x", "seed=1", "init=photo.png", *SHORT]
    whole = pictures(draw([*words, "folder=whole"]))
    composer = Composer([*words, "folder=out"])
    folder = begin(plan_batch(composer, [Row()], ""), composer, Path("out"))
    monkeypatch.chdir(tmp_path / "there")
    resume(["resume=../here/out/latest"])
    assert pictures(tmp_path / "here" / folder) == whole


def test_running_out_of_memory_in_one_row_leaves_the_rest(tmp_path, monkeypatch):
    real, tried = Pipeline.batch, []

    def too_much_for_the_first(self, plan, first, *more):
        tried.append(first)
        if first == 0:
            raise torch.OutOfMemoryError("out of memory")
        yield from real(self, plan, first, *more)

    monkeypatch.setattr(Pipeline, "batch", too_much_for_the_first)
    with pytest.raises(Failed, match="1 of 2 pictures failed"):
        draw(["prompt=x", "seed=1", "count=2", f"folder={tmp_path}", *SHORT])
    assert tried == [0, 1]
    assert states(latest(tmp_path)) == ["failed", "done"]


def test_a_finished_picture_that_was_deleted_is_not_drawn_again(tmp_path):
    folder = draw(["prompt=x", "seed=1", "count=2", f"folder={tmp_path}", *SHORT])
    (folder / "image_0000.png").unlink()
    resume([f"resume={folder}"])
    assert sorted(pictures(folder)) == ["image_0001.png"]


def run(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_ctrl_c_finishes_the_step_and_resuming_ends_with_the_same_bytes(tmp_path):
    words = ["prompt=a red heart", "seed=5", *SHORT[1:], "steps=60", "generator.clamp=1e-3"]
    whole = pictures(draw([*words, f"folder={tmp_path}/whole"]))
    program = run(*words, f"folder={tmp_path}/out")
    lines = tmp_path / "out" / "latest" / "metrics.jsonl"
    while not lines.exists() or lines.read_text().count("\n") < 3:
        assert program.poll() is None
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    said, _ = program.communicate(timeout=120)
    folder = latest(tmp_path / "out")
    assert program.returncode == 130
    assert said.splitlines()[-1].endswith(f"resume={folder}")
    assert states(folder) == ["queued"]
    done = lines.read_text().count("\n")
    resume([f"resume={folder}"])
    assert lines.read_text().count("\n") == 60 > done  # no step was taken twice
    assert pictures(folder) == whole


def test_a_large_picture_is_resumed_with_the_threads_that_it_began_with(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    words = ["prompt=a sun", "size=[160,128]", "steps=1", "cutouts.overview=1", "cutouts.inner=0"]
    with threads_restored():
        folder = draw([*words, f"folder={tmp_path}", "seed=1"])
        manifest = Manifest.read(folder)
        (folder / str(manifest.pictures[0].file)).unlink()
        manifest.pictures[0].state = FAILED
        manifest.write(folder)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        resume([f"resume={folder}"])
    assert record.read(folder / "image_0000.png")["threads"] == 2


def test_several_devices_draw_what_one_would(tmp_path, four):
    words = ["prompt=a red heart", "seed=5", "count=4", f"folder={tmp_path}", *SHORT]
    folder = draw([*words, "device=[cpu,cpu]"])
    found = pictures(folder)
    assert {name: pixels(data) for name, data in found.items()} == {
        name: pixels(data) for name, data in four.items()
    }
    workers = {picture.worker for picture in Manifest.read(folder).pictures}
    assert 1 <= len(workers) <= 2


@pytest.mark.parametrize(
    "launcher", ["joblib", "submitit_local", pytest.param("ray", marks=pytest.mark.slow)]
)
def test_a_launchers_jobs_share_a_folder(tmp_path, four, launcher):
    package = f"hydra_plugins.hydra_{launcher.removesuffix('_local')}_launcher"
    if find_spec("hydra_plugins") is None or find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    program = run(
        *("prompt=a red heart", "seed=5", "count=4", f"folder={tmp_path}", *SHORT),
        *(f"hydra/launcher={launcher}", "workers=2"),
    )
    _, complaints = program.communicate(timeout=600)
    assert program.returncode == 0, complaints
    folder = latest(tmp_path)
    assert states(folder) == ["done"] * 4
    assert {name: pixels(data) for name, data in pictures(folder).items()} == {
        name: pixels(data) for name, data in four.items()
    }


def test_the_gallery_costs_nothing_before_the_first_step(tmp_path, monkeypatch):
    told = []
    batch = Pipeline.batch

    def steps(*asked):
        told.append("models are there")
        for frame in batch(*asked):
            told.append("step")
            yield frame

    monkeypatch.setattr(Pipeline, "batch", steps)
    monkeypatch.setattr(pages, "update", lambda *asked, **now: told.append("gallery"))
    draw(["prompt=a red heart", f"folder={tmp_path}", *SHORT])
    assert told == ["models are there", *("step", "gallery") * 2, "gallery"]


SKETCH = [
    *("steps=12", "sampler.recurrence=1", "cutouts.overview=1", "cutouts.inner=1"),
    "output=[still]",
]


def errors(monkeypatch, *values):
    """Have the model find these errors of finished pictures, one after the other, the last one
    from then on; return those that were asked for."""
    left, found = list(values), []

    def error(self, image):
        found.append(left.pop(0) if len(left) > 1 else left[0])
        return found[-1]

    monkeypatch.setattr(DiffusionGenerator, "prediction_error", error)
    return found


def test_a_smear_is_drawn_again_until_it_is_none(tmp_path, monkeypatch, caplog):
    words = ["prompt=a dragon", "seed=1", *SKETCH]
    errors(monkeypatch, 0.01)
    (usual,) = pictures(draw([*words, f"folder={tmp_path}/usual"])).values()
    errors(monkeypatch, 0.5)
    (never,) = pictures(draw([*words, "restarts=0", f"folder={tmp_path}/never"])).values()
    assert pixels(usual) == pixels(never)
    assert "it may be a smear" in caplog.text
    caplog.clear()
    found = errors(monkeypatch, 0.5, 0.01)
    folder = draw([*words, f"folder={tmp_path}/once"])
    assert found == [0.5, 0.01] and "smear" not in caplog.text
    assert pixels(pictures(folder)["image_0000.png"]) != pixels(usual)
    assert "doubt" not in record.read(folder / "image_0000.png")


def test_of_smears_the_likeliest_is_kept_and_told(tmp_path, monkeypatch, caplog):
    words = ["prompt=a dragon", "seed=1", *SKETCH]
    errors(monkeypatch, 0.5, 0.01)
    (once,) = pictures(draw([*words, f"folder={tmp_path}/once"])).values()
    found = errors(monkeypatch, 0.5, 0.2, 0.3)
    folder = draw([*words, f"folder={tmp_path}/twice"])
    assert found == [0.5, 0.2, 0.3]
    file = folder / "image_0000.png"
    assert pixels(file.read_bytes()) == pixels(once)
    assert 'image_0000.png: it may be a smear, and no "dragon"' in caplog.text
    (picture,) = Manifest.read(folder).pictures
    assert picture.state == DONE and "smear" in picture.why
    assert record.read(file)["doubt"] == "dragon"
    errors(monkeypatch, 0.5, 0.2, 0.3)
    again = draw([f"folder={tmp_path}/again"], recorded=Record.read(str(file)))
    assert (again / file.name).read_bytes() == file.read_bytes()


def test_what_is_enlarged_is_the_picture_that_was_drawn_again(tmp_path, monkeypatch):
    words = ["prompt=a dragon", "seed=1", *SKETCH, "upscale=guided"]
    errors(monkeypatch, 0.5)
    (smear,) = pictures(draw([*words, "restarts=0", f"folder={tmp_path}/smear"])).values()
    errors(monkeypatch, 0.5, 0.01)
    (again,) = pictures(draw([*words, f"folder={tmp_path}/again"])).values()
    assert pixels(again) != pixels(smear)


@pytest.mark.parametrize("doubt", [["x"], {"a": 1}, 5, None])
def test_a_doubt_of_a_damaged_record_is_none(doubt):
    assert understanding.doubt(doubt) is None
