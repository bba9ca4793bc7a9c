"""Films from end to end, with the embedded models and few steps."""

import json
import shutil
import subprocess
import sys
import time
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from guided.batch.run import draw, resume
from guided.compat.open_clip import import_past_missing_operators
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.gallery import reading
from guided.models import depth_anything
from guided.models.cards import DEPTH_ANYTHING
from guided.outputs.film import Film
from guided.runs import record
from guided.runs.manifest import Manifest

ROOT = Path(__file__).parent.parent.parent
TEXTS = {"parameters": "", "guided": ""}
SHORT = [
    *("prompt=a red heart", "seed=5", "steps=4", "sampler.recurrence=1", "cutouts.overview=1"),
    *("cutouts.inner=1", "animate=zoom_out", "frames=4", "animate.zoom=0.9"),
    *("animate.format=webp", "animate.loop=true", "output.still.enlarge=2"),
    *("animate.cadence=1", "animate.strength=0.5"),
]


def latest(folder: Path) -> Path:
    return (folder / "latest").resolve()


def pictures(folder: Path) -> list[bytes]:
    paths = sorted(folder.glob("image_*.png"))
    return [Image.open(path).tobytes() for path in paths]


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    return draw([*SHORT, f"folder={tmp_path_factory.mktemp('film')}"])


def test_a_film_has_its_frames_as_pictures_with_their_settings(film):
    assert [path.name for path in sorted(film.glob("image_*"))] == [
        f"image_{k:04d}.png" for k in range(4)
    ]
    for k in range(4):
        settings = record.read(film / f"image_{k:04d}.png")
        assert settings["animate"]["frame"] == k
        assert (settings["seed"], settings["frames"]) == (5, 4)
    assert settings["animate"]["before"].endswith("image_0002.png")
    assert settings["animate"]["first"].endswith("image_0000.png")
    assert len(set(pictures(film))) == 4
    with Image.open(film / "video_0000.webp") as played:
        assert (played.n_frames, played.size) == (4, (64, 64))
    assert not list(film.glob("film.*"))


def test_the_gallery_has_one_entry_for_a_film(film):
    [one] = reading.read(film).pictures
    assert (one.number, one.state, one.file) == (0, "done", "image_0000.png")
    assert '"video\\":\\"video_0000.webp\\"' in (film / "gallery-data.js").read_text()


def test_a_film_and_each_of_its_frames_are_drawn_again(film, tmp_path):
    again = draw([f"folder={tmp_path}"], recorded=recorded(film))
    assert pictures(again) == pictures(film)
    one = draw([f"folder={tmp_path}"], recorded=recorded(film / "image_0003.png"))
    assert pictures(one) == pictures(film)[3:]
    assert not list(one.glob("video_*"))
    whole = draw([f"folder={tmp_path}"], recorded=recorded(film / "video_0000.webp"))
    assert pictures(whole) == pictures(film)


def test_a_film_is_enlarged_as_pictures_are(film, tmp_path):
    words = [word for word in SHORT if "animate" not in word and "frames" not in word]
    alone = draw([*words, f"folder={tmp_path}"])
    with Image.open(film / "video_0000.webp") as played:
        shown = np.asarray(played.convert("RGB"), float)
    usual = np.asarray(Image.open(alone / "image_0000.png"), float)
    bicubic = Image.open(film / "image_0000.png").resize((64, 64), Image.Resampling.BICUBIC)
    assert abs(shown - usual).mean() < abs(shown - np.asarray(bicubic, float)).mean()


def test_a_film_is_rendered_in_a_manner_once_it_is_drawn(film, tmp_path):
    made = draw([*SHORT, "manner=silhouette", f"folder={tmp_path}"])
    assert pictures(made) == pictures(film)  # each begins with the one before
    with Image.open(made / "video_0000.webp") as played:
        shown = np.asarray(played.convert("RGB"), float)
    assert shown.mean((0, 1)).min() > shown.min()
    with Image.open(film / "video_0000.webp") as before:
        assert abs(shown - np.asarray(before.convert("RGB"), float)).mean() > 5


def test_a_film_from_the_record_of_a_frame_does_not_begin_each_with_the_same(film, tmp_path):
    words = ["animate.frame=null", f"folder={tmp_path}"]
    again = draw(words, recorded=recorded(film / "image_0003.png"))
    assert pictures(again) == pictures(film)


def test_a_film_of_several_prompts_is_drawn_again(tmp_path):
    keyed = "animate.prompts={0: a {red|blue} rose, 2: a tulip}"
    words = [*SHORT[1:], keyed, "negative=fog", "frames=3", f"folder={tmp_path}"]
    made = draw([word for word in words if word != "frames=4"])
    texts = [one.prompt for one in Manifest.read(made).pictures]
    assert [text.count("rose") for text in texts] == [1, 1, 0]
    assert [one.unwanted for one in Manifest.read(made).pictures] == ["fog"] * 3
    again = draw([f"folder={tmp_path}"], recorded=recorded(made / "video_0000.webp"))
    assert pictures(again) == pictures(made)


def test_wildcards_of_key_frames_are_decided_once_for_a_film(tmp_path):
    keyed = "animate.prompts={0: a {1|2|3|4|5|6|7|8} rose, 2: a {1|2|3|4|5|6|7|8} tulip}"
    words = [*SHORT[1:], keyed, "negative=fog", "animate.preview=true", f"folder={tmp_path}"]
    plan = Plan.read(compose([word for word in words if word != "frames=4"]))
    decided = {}
    for frame in range(4):
        at = replace(plan, prompts=plan.film.prompts_at(frame))
        for one in at.decided(5):
            decided.setdefault(one.text.rpartition(" ")[2], set()).add(one.text)
    assert [len(texts) for texts in decided.values()] == [1, 1, 1]


def test_settings_of_parts_vary_over_the_frames_that_are_drawn(film, tmp_path):
    """The first frame has the usual values, the second others, as if they were set for it."""
    varied = "animate.vary={guide.clip.scale: '0: (4000), 1: (10)', sampler.eta: '0.8*sign(t)'}"
    words = [word.replace("frames=4", "frames=2") for word in SHORT] + ["animate.seeds=warped"]
    made = draw([*words, varied, "sampler.eta=0", f"folder={tmp_path}/a"])
    plain = draw([*words, "sampler.eta=0", f"folder={tmp_path}/b"])
    assert pictures(made)[0] == pictures(plain)[0]
    assert pictures(made)[1] != pictures(plain)[1]
    same = ["animate.vary=null", "guide.clip.scale=10", "sampler.eta=0.8", f"folder={tmp_path}/c"]
    one = draw(same, recorded=recorded(made / "image_0001.png"))
    assert pictures(one) == pictures(made)[1:]


def recorded(path):
    from guided.config.replay import Record

    return Record.read(str(path))


def test_a_killed_film_goes_on_to_the_bit(film, tmp_path):
    words = [*SHORT, f"folder={tmp_path}"]
    process = subprocess.Popen([sys.executable, "run.py", *words], cwd=ROOT)
    while not list(tmp_path.glob("*/*/image_0001.png")) and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not list(tmp_path.glob("*/*/image_0003.png"))
    folder = resume([f"resume={latest(tmp_path)}"])
    assert pictures(folder) == pictures(film)
    assert [one.state for one in Manifest.read(folder).pictures] == ["done"] * 4
    assert (folder / "video_0000.webp").read_bytes() != b""


def test_a_film_whose_frames_are_all_there_is_written_when_it_is_resumed(film, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(film, copy)
    (copy / "video_0000.webp").unlink()
    resume([f"resume={copy}"])
    assert (copy / "video_0000.webp").read_bytes() == (film / "video_0000.webp").read_bytes()


def test_a_film_over_a_video_begins_with_its_frames(film, tmp_path):
    pytest.importorskip("av")
    sources = sorted(film.glob("image_*.png"))[:3]
    copies = [tmp_path / f"{k}.png" for k in range(3)]
    for source, copy in zip(sources, copies, strict=True):
        copy.write_bytes(source.read_bytes())
    (tmp_path / "v.mp4").write_bytes(Film("mp4", 5.0, 0.0, 95).encode(copies, TEXTS))
    over = [f"animate.video={tmp_path}/v.mp4", "animate=video", "animate.format=gif"]
    words = [*(word for word in SHORT if "animate" not in word and "frames" not in word), *over]
    folder = draw([*words, f"folder={tmp_path}"])
    assert len(pictures(folder)) == 3
    with Image.open(folder / "video_0000.gif") as played:
        assert (played.n_frames, played.info["duration"]) == (3, 200)
    one = draw([f"folder={tmp_path}"], recorded=recorded(folder / "image_0002.png"))
    assert pictures(one) == pictures(folder)[2:]


def test_a_film_has_its_sound(tmp_path):
    av = pytest.importorskip("av")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\0\x20" * 8000)
    words = [word for word in SHORT if "format" not in word and "frames" not in word]
    heard = [f"animate.audio={tmp_path}/a.wav", "animate.format=mp4", "frames=2", "fps=4"]
    folder = draw([*words, *heard, f"folder={tmp_path}"])
    with av.open(str(folder / "video_0000.mp4")) as container:
        [sound] = container.streams.audio
        assert float(sound.duration * sound.time_base) == pytest.approx(0.5, abs=0.05)


def test_what_was_uncovered_is_drawn_and_the_rest_resembles_the_frame_before(film):
    one, other = (np.asarray(Image.open(film / f"image_000{k}.png"), float) for k in (1, 2))
    assert np.abs(one[8:-8, 8:-8] - other[8:-8, 8:-8]).mean() < 60


@pytest.fixture(scope="module")
def sparse(tmp_path_factory) -> Path:
    """Return a film of six frames of which 0, 2, 4 and 5 are drawn."""
    words = [word for word in SHORT if word != "frames=4"]
    folder = tmp_path_factory.mktemp("sparse")
    return draw([*words, "frames=6", "animate.cadence=2", f"folder={folder}"])


def test_frames_between_drawn_ones_are_made_of_both(sparse):
    frames = [record.read(sparse / f"image_{k:04d}.png")["animate"] for k in range(6)]
    names = [(f["before"] or "")[-8:-4] + " " + (f["after"] or "")[-8:-4] for f in frames]
    assert names == [" ", "0000 0002", "0000 ", "0002 0004", "0002 ", "0004 "]
    assert all((frame["colors"] is None) == (k in (0, 1, 3)) for k, frame in enumerate(frames))
    shown = [np.asarray(Image.open(sparse / f"image_{k:04d}.png"), float) for k in range(6)]
    across = abs(shown[0] - shown[2])[8:-8, 8:-8].mean()
    assert all(abs(shown[k] - shown[1])[8:-8, 8:-8].mean() < across for k in (0, 2))
    with Image.open(sparse / "video_0000.webp") as played:
        assert played.n_frames == 6


def test_a_frame_between_is_drawn_again_alone(sparse, tmp_path):
    one = draw([f"folder={tmp_path}"], recorded=recorded(sparse / "image_0003.png"))
    assert pictures(one) == pictures(sparse)[3:4]
    whole = draw([f"folder={tmp_path}"], recorded=recorded(sparse))
    assert pictures(whole) == pictures(sparse)


@pytest.mark.parametrize("lost", [[1], [3, 4, 5], [0, 1, 2, 3, 4, 5]])
def test_frames_that_are_missing_are_made_again_to_the_bit(sparse, tmp_path, lost):
    copy = tmp_path / "copy"
    shutil.copytree(sparse, copy)
    manifest = Manifest.read(copy)
    for k in lost:
        (copy / f"image_{k:04d}.png").unlink()
        manifest.pictures[k].state = "queued"
    manifest.write(copy)
    resume([f"resume={copy}"])
    assert pictures(copy) == pictures(sparse)


def test_a_stereo_film_has_both_eyes_beside_each_other_and_frames_of_one(tmp_path):
    (tmp_path / "maps").mkdir()
    Image.linear_gradient("L").resize((32, 32)).save(tmp_path / "maps" / "0.png")
    deep = [word for word in SHORT if "animate=" not in word and "zoom" not in word]
    words = [*deep, "animate=3d", f"animate.depth={tmp_path}/maps", "animate.eye_distance=40"]
    made = draw([*words, "frames=2", "animate.stereo=over_under", f"folder={tmp_path}/runs"])
    assert {Image.open(path).size for path in made.glob("image_*.png")} == {(32, 32)}
    with Image.open(made / "video_0000.webp") as played:
        assert played.size == (64, 128)  # enlarged twice
        both = np.asarray(played.convert("RGB"), float)
    left, right = both[:64], both[64:]
    near = slice(48, 64), slice(16, 48)  # white is below, and shifted more than what is above
    shifts = [abs(np.roll(right[near], k, 1) - left[near])[:, 12:-12].mean() for k in range(12)]
    assert np.argmin(shifts) > 2


@pytest.fixture
def estimating(tmp_path, monkeypatch):
    """Put random weights of a network of depth into the cache."""
    pytest.importorskip("transformers")
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    module = import_past_missing_operators(depth_anything.MODULE)
    torch.manual_seed(0)
    config = module.DepthAnythingConfig(backbone_config=depth_anything.BACKBONE)
    net = module.DepthAnythingForDepthEstimation(config)
    for tensor in net.state_dict().values():
        if tensor.ndim > 1:
            tensor.normal_(0, (tensor.numel() / len(tensor)) ** -0.5)
    save_file(net.state_dict(), tmp_path / "cache" / DEPTH_ANYTHING.file)
    depth_anything.load.cache_clear()
    yield
    depth_anything.load.cache_clear()


DEEP = [
    *(word for word in SHORT if "animate" not in word and "frames" not in word),
    *("animate=3d", "animate.depth=depth_anything", "animate.translation_z=8", "frames=4"),
    *("animate.cadence={hold: '0: (2), 2: (1)'}", "animate.format=webp"),
]


def test_a_film_with_estimated_depth_goes_on_to_the_bit(estimating, tmp_path):
    made = draw([*DEEP, f"folder={tmp_path}"])
    ranges = [record.read(made / f"image_{k:04d}.png")["animate"]["depth_range"] for k in range(4)]
    assert ranges[0] is None
    assert ranges[1] == ranges[2]  # of frame 0
    assert ranges[3] != ranges[2]
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    manifest = Manifest.read(copy)
    for k in (1, 3):
        (copy / f"image_{k:04d}.png").unlink()
        manifest.pictures[k].state = "queued"
    manifest.write(copy)
    resume([f"resume={copy}"])
    assert pictures(copy) == pictures(made)
    one = draw([f"folder={tmp_path}"], recorded=recorded(made / "image_0003.png"))
    assert pictures(one) == pictures(made)[3:]


def test_missing_weights_of_a_film_are_told_with_the_command_that_fetches_them(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "cache"))
    with pytest.raises(BadInput) as caught:
        draw([*DEEP, "animate.flow=raft_small", f"folder={tmp_path}"])
    said = str(caught.value)
    assert "is not here: depth_anything_v2_small.safetensors, 99 MB, from https://hugg" in said
    assert said.endswith(
        "models=download animate=3d animate.depth=depth_anything animate=2d "
        "animate.flow=raft_small"
    )


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["count=2"], "count=2 does not go with animate: count=1"),
        (["keep=1"], "keep=1 does not go with animate: keep=null"),
        (["batch_size=2"], "batch_size=2 does not go with animate"),
        (["upscale=2"], "upscale=2 does not go with animate"),
        (["animate.zoom=0"], "animate.zoom: at frame 0 it is 0"),
        (["animate.frame=2"], "animate.frame=2 needs the frame before it"),
        (["animate.cadence=0"], "animate.cadence: at frame 0 it is 0"),
        (["generator=stylegan", "model=stylegan2_ffhq"], "not stylegan"),
        (["tile=both"], "tile=both with animate needs a camera"),
        (["tile=x", "animate.border=wrap"], "tile=x with animate needs a camera"),
        (["output.still.format=webp"], "the frames of a film are PNG"),
        (["animate.prompts={0: a rose, 3: a tulip}", "drawn=[a rose]"], "drawn=null"),
        (
            ["prompt=null", "layout=row", "animate.prompts={0: a rose}"],
            "layout=row places several",
        ),
        (["output=[metrics]"], "animate needs pictures"),
    ],
)
def test_what_does_not_go_with_a_film_is_refused(tmp_path, words, part):
    names = {word.partition("=")[0] for word in words}
    kept = [word for word in SHORT if word.partition("=")[0] not in names]
    kept = [word for word in kept if words != ["output=[metrics]"] or "output." not in word]
    with pytest.raises(BadInput) as caught:
        draw([*kept, *words, f"folder={tmp_path}"])
    assert part in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_guide_of_likeness_to_the_frame_before_stands_beside_ones_own(tmp_path):
    words = [word.replace("frames=4", "frames=2") for word in SHORT]
    more = ["animate.likeness=700", "guide=[clip,likeness]", "guide.likeness.scale=5"]
    photo = tmp_path / "p.png"
    Image.new("RGB", (32, 32), "#804020").save(photo)
    folder = draw([*words, *more, f"init={photo}", f"folder={tmp_path}/o"])
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    names = {line["image"]: {k for k in line["loss"] if "likeness" in k} for line in lines}
    assert names == {0: {"likeness"}, 1: {"likeness", "animate.likeness"}}
