"""What the page that explains a picture is made of: lines and small pictures."""

import json
import math

import pytest
import torch
from PIL import Image

from guided.interfaces import ComparedCutouts
from guided.outputs.explain import HEAT, Explain, heat_map
from guided.prompts.prompt import Prompt
from tests.outputs.frames import all_frames, watch

CUTS = torch.linspace(0, 1, 5 * 3 * 4 * 4).view(5, 3, 4, 4)
COSINES = torch.arange(10).view(5, 2) / 10


@pytest.fixture
def compared(run):
    """A run whose CLIP has made five cutouts, and the arguments that it was asked with."""
    asked = []

    def compare(image, prompts, progress, seed):
        asked.append((image, prompts, progress, seed))
        prompts = [Prompt("a"), Prompt("", image="pictures/b.jpg")]
        return [ComparedCutouts("c", prompts, CUTS, COSINES)]

    run.compare = compare
    return asked


def lines(run, number=0):
    text = (run.folder / "explain" / f"{number:04d}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def names(run, kind):
    return sorted(path.name for path in (run.folder / "explain").glob(f"*_{kind}*"))


def test_every_step_has_a_line_and_some_have_pictures(run, compared):
    watch(Explain(steps=2, looks=1, cutouts=3), run, all_frames())
    assert [line["step"] for line in lines(run)] == [1, 2, 3, 4]
    assert lines(run)[0]["loss"] == {"clip": 2.0}
    assert names(run, "back") == [f"000{n}_000{step}_back.webp" for n in (0, 1) for step in (2, 4)]
    assert names(run, "cut") == [f"000{n}_0004_cut_0_{k}.webp" for n in (0, 1) for k in range(3)]
    (seen,) = lines(run)[-1]["seen"]
    assert (seen["clip"], seen["prompts"]) == ("c", ["a", "b.jpg"])
    assert seen["alike"] == [pytest.approx(row) for row in COSINES[:3].tolist()]
    assert [one[3] for one in compared] == [9 + 4, 10 + 4]  # the seed and the step


def test_the_finished_picture_dissolves_in_noise(run):
    """Mean and deviation of a grey picture's lightness, by the forward process: sqrt(share) of its
    distance from middle grey, and noise of half the range times sqrt(1 - share), which is less in
    lightness, the weighted mean of three channels (ITU-R BT.601)."""
    frame = all_frames()[3]
    frame.image = torch.full((1, 3, 128, 128), 0.6)
    watch(Explain(), run, [frame])
    shares = lines(run)[-1]["noisy"]
    assert shares[0] == 1 and shares[-1] == 0 and shares == sorted(shares, reverse=True)
    for k, share in enumerate(shares[:3]):  # where 8 bits do not clip the noise much
        with Image.open(run.folder / "explain" / f"0000_0004_noisy_{k}.webp") as image:
            grey = torch.frombuffer(bytearray(image.convert("L").tobytes()), dtype=torch.uint8)
        values = grey.float() / 255
        assert values.mean() == pytest.approx(0.5 + math.sqrt(share) * 0.1, abs=0.02)
        spread = math.hypot(0.299, 0.587, 0.114) * math.sqrt(1 - share) / 2
        assert values.std() == pytest.approx(spread, abs=0.1 * spread + 0.01)


def test_a_picture_that_no_diffusion_model_drew_has_no_noise(run):
    run.settings = run.settings | {"generator": {"_target_": "generator/pixels"}}
    watch(Explain(), run, all_frames())
    assert lines(run)[-1]["noisy"] == [] and names(run, "noisy") == []


def test_the_heat_map_is_brightest_where_the_prediction_was_shifted_most(run):
    frame = all_frames()[3]
    shift = torch.zeros(1, 3, 4, 6)
    shift[:, :, 1, 4] = 0.5
    frame.prediction.guided = frame.prediction.unguided + shift
    watch(Explain(steps=1), run, [frame])
    assert lines(run)[-1]["push"] == pytest.approx(0.25 * math.sqrt(3))
    with Image.open(run.folder / "explain" / "0000_0004_push.webp") as image:
        light = image.convert("L")
        brightest = max(
            ((x, y) for x in range(6) for y in range(4)), key=lambda at: light.getpixel(at)
        )
    assert brightest == (4, 1)
    assert heat_map(torch.tensor([[0.0, 1.0]])).getpixel((1, 0)) == HEAT[-1]


def test_without_a_shift_there_is_no_heat_map(run):
    watch(Explain(), run, all_frames())
    assert names(run, "push") == []


def test_a_resumed_run_appends_and_a_broken_line_ends(run):
    frames = all_frames()
    watch(Explain(), run, frames[:2])
    path = run.folder / "explain" / "0000.jsonl"
    path.write_text(path.read_text() + '{"step": 3, "lo')
    watch(Explain(), run, frames[2:4])
    texts = path.read_text().splitlines()
    assert [json.loads(text)["step"] for text in (*texts[:2], *texts[3:])] == [1, 2, 3, 4]


def test_nothing_is_written_through_a_link(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (run.folder / "explain").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="is a link"):
        watch(Explain(), run, all_frames())
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("setting", [{"steps": 0}, {"looks": 21}, {"cutouts": 0}])
def test_numbers_are_checked(setting):
    (name,) = setting
    with pytest.raises(ValueError, match=f"{name}=.* the nearest is"):
        Explain(**setting)
