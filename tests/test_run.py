"""Real runs with the pair that comes with the program: what they leave, and that they repeat."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image, ImageChops, ImageStat

import guided
from guided.batch.run import draw
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.devices import processor, threads_restored
from guided.diffusion.secondary import SecondaryModel
from guided.errors import BadInput
from guided.pipeline import Pipeline
from guided.runs import layout, record
from tests.commands import run_all

ROOT = Path(__file__).parent.parent
SHORT = ("steps=3", "sampler.recurrence=1", "cutouts.overview=2", "cutouts.inner=1")


def short_run(folder: Path, *words: str) -> Path:
    """A run of three steps; its folder."""
    draw(["prompt=a red heart", f"folder={folder}", *SHORT, *words])
    return (folder / "latest").resolve()


@pytest.fixture(scope="module")
def four(tmp_path_factory) -> Path:
    return short_run(tmp_path_factory.mktemp("four"), "seed=5", "count=4")


def test_a_run_leaves_pictures_previews_sheet_metrics_and_settings(four):
    names = {path.name for path in four.iterdir()}
    pictures = {f"image_{k:04d}.png" for k in range(4)}
    assert names == pictures | {
        *("sheet.png", "strips", "steps", "metrics.jsonl", "run.yaml", "manifest.json"),
        *("index.html", "gallery-data.js", "thumbs"),
        ".manifest.lock",  # stays: a lock that is removed could be held by two
    }
    assert {path.name for path in (four / "steps").iterdir()} == {
        f"{k:04d}_0003.png" for k in range(4)
    }
    assert four.name.endswith("-a-red-heart")


def test_drawing_wakes_no_compiler(tmp_path):
    """torch imports its compiler and sympy at odd occasions: seconds of every start."""
    program = f"""
import sys, guided
guided.generate("a red heart", *{SHORT}, seed=1, folder={str(tmp_path)!r})
assert not {{"sympy", "torch._dynamo", "torch._inductor"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_the_picture_is_enlarged_by_the_models_own_upscaler(four):
    assert Image.open(four / "image_0000.png").size == (512, 512)
    assert Image.open(four / "steps" / "0000_0003.png").size == (128, 128)


def test_metrics_hold_every_step_of_every_image(four):
    lines = [json.loads(line) for line in (four / "metrics.jsonl").read_text().splitlines()]
    assert [(line["image"], line["step"]) for line in lines] == [
        (k, step) for k in range(4) for step in (1, 2, 3)
    ]
    for line in lines:
        assert set(line["loss"]) == {"clip", "range"}
        assert line["grad_norm"] > 0
        assert -1 <= line["similarity"] <= 1
        assert line["seconds"] > 0
        assert line["peak_memory_mb"] > 0


def test_the_same_seed_gives_the_same_bytes(four, tmp_path):
    again = short_run(tmp_path, "seed=5", "count=4")
    for k in range(4):
        name = f"image_{k:04d}.png"
        assert (again / name).read_bytes() == (four / name).read_bytes()


def test_the_number_of_cores_decides_no_bit_and_a_number_of_threads_is_drawn_again(tmp_path):
    draw = ["prompt=a red heart", "seed=3", "steps=4", "output=still"]
    two = [*draw, "threads=2", "folder=two"]
    run_all([[*draw, "folder=one"], two], tmp_path, {"OMP_NUM_THREADS": "1"})
    (picture,) = tmp_path.glob("two/*/*/image_0000.png")
    again = [f"from={picture}", "folder=again"]
    run_all([[*draw, "folder=three"], again], tmp_path, {"OMP_NUM_THREADS": "3"})
    one, three, repeated = (
        next(tmp_path.glob(f"{folder}/*/*/image_0000.png")) for folder in ("one", "three", "again")
    )
    assert one.read_bytes() == three.read_bytes()
    assert record.read(one)["threads"] == 1
    assert record.read(one)["processor"] == processor()
    assert record.read(picture)["threads"] == record.read(repeated)["threads"] == 2
    assert np.array_equal(np.array(Image.open(picture)), np.array(Image.open(repeated)))


def test_generate_leaves_the_number_of_threads_as_it_was(tmp_path):
    with threads_restored():
        torch.set_num_threads(2)
        guided.generate("a sun", folder=str(tmp_path), steps=2, seed=1)
        frames = guided.frames("a sun", steps=2, seed=1)
        assert torch.get_num_threads() == 2
        assert len(list(frames)) == 2
        assert torch.get_num_threads() == 2


def test_an_image_alone_equals_the_same_one_among_others(four, tmp_path):
    alone = short_run(tmp_path, "seed=8")
    assert (alone / "image_0000.png").read_bytes() == (four / "image_0003.png").read_bytes()


def test_regions_of_a_layout_are_drawn_again_from_their_record_alone_and_among_others(tmp_path):
    few = ["steps=2", "sampler.recurrence=1", "cutouts.overview=1", "cutouts.inner=1"]
    draw = ["prompt=a {cat|dog} | a tree:2", "layout=scatter", "output=still", *few]
    run_all([[*draw, "seed=3", "count=3", "folder=three"]], tmp_path, {})
    third = next(tmp_path.glob("three/*/*/image_0002.png"))
    run_all([[*draw, "seed=5", "folder=alone"], [f"from={third}", "folder=again"]], tmp_path, {})
    alone, again = (
        next(tmp_path.glob(f"{folder}/*/*/image_0000.png")) for folder in ("alone", "again")
    )
    assert pixels(third) == pixels(alone) == pixels(again)
    settings = record.read(third)
    assert settings["layout"] == "scatter" and settings["size"] == [64, 64]
    assert settings["drawn"] in (["a cat", "a tree"], ["a dog", "a tree"])


def test_other_seeds_give_other_pictures(four):
    assert len({pixels(path) for path in four.glob("image_*.png")}) == 4


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def test_a_picture_tells_how_it_was_made(four):
    settings = record.read(four / "image_0002.png")
    assert (settings["prompt"], settings["seed"], settings["steps"]) == ("a red heart", 7, 3)
    assert settings["cutouts"]["overview"] == 2
    assert settings["size"] == [32, 32]
    with Image.open(four / "image_0002.png") as image:
        lines = image.text["parameters"].splitlines()
    assert lines[0] == "a red heart"
    for fact in (
        "Steps: 3",
        "Sampler: DDIM",
        "Seed: 7",
        "Size: 512x512",
        "Drawn at: 32x32",
        "Model: embedded",
    ):
        assert fact in lines[-1]


def test_run_yaml_is_the_whole_configuration(four):
    written = OmegaConf.load(four / "run.yaml")
    assert written.seed == 5
    assert written.count == 4
    assert written.device == "cpu" or written.device.startswith(("cuda", "mps", "xpu"))
    assert set(written.guide) == {"clip", "range", "palette"}


def test_chinese_survives_into_folder_and_record(tmp_path):
    folder = short_run(tmp_path, "prompt=一颗红心, 很大", "seed=1", "output=[still]")
    assert folder.name.endswith("一颗红心-很大")
    assert record.read(folder / "image_0000.png")["prompt"] == "一颗红心, 很大"


def test_wide_and_tall_canvases_are_drawn(tmp_path):
    folder = short_run(
        tmp_path, "size=64x32", "seed=1", "output=[still]", "output.still.enlarge=1"
    )
    assert Image.open(folder / "image_0000.png").size == (64, 32)


@pytest.mark.parametrize("size", ["96x32", "32x96"])
def test_a_wide_canvas_has_one_object_in_its_middle(tmp_path, size):
    """Beside it is ground, of any colour but plain."""
    folder = short_run(
        tmp_path, f"size={size}", "seed=1", "steps=15", "sampler.recurrence=[[0,6],[0.25,1]]",
        "output=[still]", "output.still.enlarge=1",
    )  # fmt: skip
    found = Image.open(folder / "image_0000.png").convert("RGB")
    image = np.asarray(
        found if found.width > found.height else found.transpose(Image.Transpose.ROTATE_90), float
    )
    thirds = image[:, :32], image[:, 32:64], image[:, 64:]
    left, heart, right = (third.std((0, 1)).mean() for third in thirds)
    assert heart > 2.5 * max(left, right)


def test_negative_prompts_change_the_picture(tmp_path):
    with_it = short_run(tmp_path / "a", "negative=a face", "seed=1", "output=[still]")
    without = short_run(tmp_path / "b", "seed=1", "output=[still]")
    assert pixels(with_it / "image_0000.png") != pixels(without / "image_0000.png")


def test_guidance_brings_the_picture_nearer_to_the_prompt():
    """The point of it all: similarity after a guided run above that of an unguided one."""
    words = ["prompt=a red heart", "seed=3", "steps=12", "sampler.recurrence=1"]
    plans = [Plan.read(compose([*words, *more])) for more in ([], ["guide.clip.scale=1e-6"])]
    ends = []
    for plan in plans:
        frames = list(Pipeline.open(plan).frames(plan))
        ends.append(frames[-1].prediction.similarity.item())
    guided_end, unguided_end = ends
    assert guided_end > unguided_end + 0.05


def test_two_runs_in_the_same_second_do_not_meet(tmp_path):
    now = datetime.now()
    folders = [layout.new_folder(tmp_path, "x", now) for _ in range(3)]
    assert len(set(folders)) == 3


def test_the_best_of_many_are_kept_and_the_others_put_aside(tmp_path):
    folder = short_run(tmp_path, "seed=5", "count=3", "keep=1", "rank=embedded", "output=[still]")
    kept = list(folder.glob("image_*.png"))
    others = list((folder / "others").glob("image_*.png"))
    assert len(kept) == 1 and len(others) == 2
    scores = {path: record.read(path)["score"] for path in kept + others}
    assert scores[kept[0]] == max(scores.values())


@pytest.mark.parametrize("asked", ["a red heart", "a {red|blue} heart", "init=perlin"])
def test_images_drawn_together_equal_those_drawn_one_by_one(tmp_path, asked):
    asked = asked if "=" in asked else f"prompt={asked}"
    words = [asked, "seed=5", "count=3", "output=[still,sheet]", "generator.clamp=1e-3"]
    words = ["prompt=a sun", *words] if "init" in asked else words
    one = short_run(tmp_path / "a", *words)
    many = short_run(tmp_path / "b", *words, "batch_size=2")
    for k in range(3):
        with (
            Image.open(one / f"image_{k:04d}.png") as a,
            Image.open(many / f"image_{k:04d}.png") as b,
        ):
            far = max(max(band) for band in ImageChops.difference(a, b).getextrema())
            assert far <= 2  # of 255
    assert record.read(many / "image_0000.png")["batch_size"] == 2
    with Image.open(one / "sheet.png") as a, Image.open(many / "sheet.png") as b:
        assert a.size == b.size


def test_wildcards_are_drawn_for_each_image_from_its_own_seed(tmp_path):
    asked = "prompt={red|blue|green|yellow|purple} __animal__"
    several = short_run(tmp_path / "a", asked, "seed=1", "count=3", "output=[still]")
    alone = short_run(tmp_path / "b", asked, "seed=3", "output=[still]")
    drawn = [record.read(path)["drawn"][0] for path in sorted(several.glob("image_*"))]
    assert len(set(drawn)) > 1
    assert all("{" not in text and "_" not in text for text in drawn)
    assert (alone / "image_0000.png").read_bytes() == (several / "image_0002.png").read_bytes()


def test_a_picture_can_be_the_prompt(tmp_path, four):
    folder = short_run(
        tmp_path, f"image_prompt={four / 'image_0001.png'}:0.5", "seed=1", "output=[still]"
    )
    assert pixels(folder / "image_0000.png") != pixels(four / "image_0000.png")


def test_prompts_that_come_and_go_change_the_picture(tmp_path):
    words = ("seed=1", "output=[still]")
    changing = short_run(tmp_path / "a", "prompt={0: a red heart, 0.5: a blue fish}", *words)
    steady = short_run(tmp_path / "b", "prompt=a red heart", *words)
    assert pixels(changing / "image_0000.png") != pixels(steady / "image_0000.png")


def test_the_program_draws_and_says_where(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "a red heart, big", f"folder={tmp_path}", *SHORT],
        capture_output=True,
        text=True,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    assert Path(last).name == "image_0000.png"
    assert record.read(Path(last))["prompt"] == "a red heart, big"
    assert "%" not in done.stderr  # no progress bar in a pipe


def test_generate_returns_pictures(tmp_path):
    images = guided.generate("a sun: 太阳, ${bright", *SHORT, folder=str(tmp_path), seed=1)
    assert [image.size for image in images] == [(512, 512)]
    assert record.read(Path(images[0].filename))["prompt"] == "a sun: 太阳, ${bright"


def test_generate_takes_every_form_of_a_prompt(tmp_path):
    said = {0: "a sun, ${bright", 0.5: [{"text": "fog", "weight": 2}, "a {red|blue} star:0.5"]}
    (image,) = guided.generate(said, *SHORT, folder=str(tmp_path), seed=1)
    assert record.read(Path(image.filename))["prompt"] == said


def test_frames_draw_without_saving_and_stop_when_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []
    for frame in guided.frames("a sun", *SHORT, seed=1):
        seen.append(frame.step)
        if frame.step == 2:
            break
    assert seen == [1, 2]
    assert list(tmp_path.iterdir()) == []


def test_a_preview_of_a_film_returns_no_pictures_and_frames_draw_no_film(tmp_path):
    words = ["animate=2d", "animate.preview=true"]
    assert guided.generate("a sun", *words, folder=str(tmp_path), seed=1, frames=2) == []
    assert [path.name for path in tmp_path.glob("*/*/*")] == ["preview.html"]
    with pytest.raises(BadInput, match="animate= is for generate"):
        guided.frames("a sun", "animate=2d")


def test_generate_refuses_bad_input_as_the_command_line_does():
    with pytest.raises(BadInput, match="did you mean 'steps'"):
        guided.generate("x", stepz=3)
    with pytest.raises(BadInput, match="did you mean 'steps'"):
        guided.generate("x", "stepz=3")


def test_a_run_from_a_picture_skips_steps_and_counts_only_those_it_draws(tmp_path, four):
    """Half of six steps: three are drawn, and sheet, previews and metrics end with the third."""
    photo = four / "image_0001.png"
    folder = short_run(tmp_path, f"init={photo}", "strength=0.5", "steps=6", "seed=1", "count=2")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(line["image"], line["step"], line["of"]) for line in lines] == [
        (k, step, 3) for k in (0, 1) for step in (1, 2, 3)
    ]
    assert lines[2]["progress"] == 1
    assert {path.name for path in (folder / "steps").iterdir()} == {
        "0000_0003.png",
        "0001_0003.png",
    }
    assert {path.name for path in folder.glob("*.png")} == {
        "image_0000.png", "image_0001.png", "sheet.png"
    }  # fmt: skip
    written = OmegaConf.load(folder / "run.yaml")
    assert (written.steps, written.strength, written.init) == (6, 0.5, str(photo))


def test_the_less_strength_the_nearer_to_the_picture(tmp_path, four):
    def distance(*words: str) -> float:
        folder = short_run(tmp_path / words[0], *words, f"init={photo}", "steps=10", "seed=9",
                           "output=[still]", "guide.clip.scale=0")  # fmt: skip
        with Image.open(folder / "image_0000.png") as image:
            return ImageStat.Stat(ImageChops.difference(image, Image.open(photo))).rms[1]

    photo = four / "image_0001.png"
    assert distance("strength=0.2") < distance("strength=0.9") / 2


def test_an_image_from_perlin_noise_is_the_same_alone(tmp_path):
    words = ("init=perlin", "skip=1", "output=[still]")
    both = short_run(tmp_path / "a", *words, "seed=3", "count=2")
    alone = short_run(tmp_path / "b", *words, "seed=4")
    assert pixels(both / "image_0001.png") == pixels(alone / "image_0000.png")
    assert pixels(both / "image_0000.png") != pixels(alone / "image_0000.png")


SAMPLERS = ("ddim", "ddpm", "plms", "dpmpp_2m", "dpmpp_sde")


def levels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_outside_of_a_mask_the_picture_is_the_init_picture_to_the_bit(tmp_path, sampler):
    """For every sampler, a canvas of another shape, and pictures drawn together."""
    levels = np.random.default_rng(1).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "photo.png")
    mask = np.zeros((32, 40), dtype=np.uint8)
    mask[5:20, 11:31] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    words = [f"init={tmp_path / 'photo.png'}", f"mask={tmp_path / 'mask.png'}", "size=[40,32]"]
    words += ["output=[still]", "output.still.enlarge=1", f"sampler={sampler}", "seed=3"]
    again = [] if sampler == "plms" else ["sampler.recurrence=1"]
    words = [*words, "prompt=a heart", f"folder={tmp_path}", *SHORT[::2], *again]
    draw([*words, "count=2", "batch_size=2", "cutouts.inner=1"])
    first, second = (levels_of(path) for path in sorted(tmp_path.glob("latest/image_*.png")))
    for found in (first, second):
        assert (found[mask == 0] == levels[mask == 0]).all()
        assert (found[mask > 0] != levels[mask > 0]).any(1).mean() > 0.9
    assert (first != second).any()


def test_a_picture_is_extended_and_drawn_again_from_its_file_with_the_same_bits(tmp_path, four):
    photo = four / "image_0001.png"
    words = [f"init={photo}", "outpaint=[0,0,50%,8]", "output=[still]", "mask.jumps=2"]
    folder = short_run(tmp_path, *words, "mask.jump=2", "seed=1", "output.still.enlarge=1")
    found, before = levels_of(folder / "image_0000.png"), levels_of(photo)
    assert found.shape == (40, 48, 3)
    with Image.open(photo) as image:
        before = np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.LANCZOS))
    assert (found[:32, :32] == before).all()
    run_all([[f"from={folder / 'image_0000.png'}", "folder=again"]], tmp_path)
    again = tmp_path / "again" / "latest" / "image_0000.png"
    assert pixels(again) == pixels(folder / "image_0000.png")


@pytest.mark.parametrize("sampler", ["plms", "dpmpp_2m", "dpmpp_sde"])
def test_other_samplers_draw_and_repeat(tmp_path, sampler):
    words = ["seed=1", f"sampler={sampler}", "output=[still]", "prompt=a red heart", *SHORT]
    words = [w for w in words if sampler != "plms" or not w.startswith("sampler.rec")]
    ends = []
    for name in "ab":
        folder = draw([*words, f"folder={tmp_path / name}"])
        ends.append(pixels(folder / "image_0000.png"))
    assert ends[0] == ends[1]


def test_guides_look_through_a_secondary_model_where_its_schedule_lets_them(tmp_path):
    """With random weights, which change the picture; off all along, they change nothing."""
    weights = tmp_path / "secondary.pth"
    torch.manual_seed(1)
    torch.save(SecondaryModel().state_dict(), weights)
    words = ["seed=1", "output=[still]"]
    second = ["secondary=imagenet2", f"secondary.file={weights}", "secondary.sha256=''"]
    plain, through, resting = (
        pixels(short_run(tmp_path / name, *words, *more) / "image_0000.png")
        for name, more in (
            ("plain", []),
            ("through", second),
            ("resting", [*second, "generator.secondary=0"]),
        )
    )
    assert through != plain
    assert resting == plain
