"""TrainingSettings the U-Net: exactly resumable, on one's own pictures, from a checkpoint."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from guided.diffusion.unet import UNet
from guided.errors import BadInput
from guided.training.common.settings import from_argv
from guided.training.diffusion import train

CARD = {
    "_target_": "guided.models.cards.ModelCard",
    "name": "small",
    "prediction": "eps",
    "schedule": "linear",
    "size": [16, 16],
    "unet": {
        "image_size": 16, "num_channels": 32, "channel_mult": [1, 1], "num_res_blocks": 1,
        "attention_resolutions": [8], "num_heads": 4, "resblock_updown": True,
        "learn_sigma": True,
    },
}  # fmt: skip


def weights(out: Path) -> dict[str, Tensor]:
    return torch.load(out / "state.pt", weights_only=True)["model"]


def test_diffusion_goes_on_exactly_where_it_stopped(folder: Path, small_unet: str) -> None:
    """Two steps, then two more of the same budget of four, give the weights of four at once."""
    told = {"data": str(folder), "batch": 2, "device": "cpu", "fade": 0.5, "steps": 4}
    train.train(train.Settings(out=str(folder / "once"), **told))
    learn = train.Trainer.learn

    def stop_after_two(self: train.Trainer, loss: Tensor, values: dict[str, float]) -> None:
        learn(self, loss, values)
        self.stopped = self.step == 2

    twice = train.Settings(out=str(folder / "twice"), **told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.Trainer, "learn", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            train.train(twice)
    train.train(twice)
    once, again = weights(folder / "once"), weights(folder / "twice")
    assert all(torch.equal(once[key], again[key]) for key in once)
    assert (folder / "once" / "samples-000004.png").exists()


def test_a_folder_of_pictures_becomes_a_model_that_draws(
    own: Path, small_unet: str, tmp_path: Path
) -> None:
    """What training leaves is a card and weights that the ordinary program takes."""
    out = tmp_path / "mine"
    train.train(train.Settings(data=str(own), out=str(out), steps=2, batch=2, device="cpu"))
    card = yaml.safe_load((out / "mine.yaml").read_text())
    assert (out / card["file"]).exists()
    assert card["prediction"] == ("x0" if small_unet == "dense" else "v")
    words = ["clip=[]", "guide=[range]", "prompt=x", "steps=2", "device=cpu"]
    subprocess.run(
        [sys.executable, "run.py", f"model={out / 'mine.yaml'}", *words,
         f"folder={tmp_path / 'runs'}"],
        check=True, capture_output=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert (tmp_path / "runs" / "latest" / "image_0000.png").exists()


@pytest.mark.parametrize("small_unet", ["dense"], indirect=True)
def test_fully_connected_layers_learn_which_picture_it_is(
    own: Path, small_unet: str, tmp_path: Path
) -> None:
    """Under heavy noise, from the colours of four photos: far closer than their mean."""
    out = tmp_path / "mine"
    told = {"data": str(own), "batch": 1, "dense_batch": 64, "device": "cpu", "flip": False}
    train.train(train.Settings(out=str(out), steps=150, fade=0.5, **told))
    net = UNet(train.architecture(16, 0)).eval().set_precision(torch.float32)
    net.load_state_dict(weights(out))
    shown = train.folder.load(str(own), 16).batch(torch.arange(4), 16, rng(), False) * 2 - 1
    x = 0.5 * shown + 0.75**0.5 * torch.randn(shown.shape, generator=rng())
    time = torch.full((4,), 666.7)  # of the cosine schedule, where alpha is one half
    with torch.no_grad():
        apart = (net.first_guess(x, time) - shown).square().mean()
    assert apart < 0.1 * (shown.mean(0) - shown).square().mean()


@pytest.mark.parametrize("small_unet", ["dense"], indirect=True)
def test_a_first_guess_grows_without_forgetting(
    own: Path, small_unet: str, tmp_path: Path
) -> None:
    """A wider one says the same, until it learns."""
    told = {"data": str(own), "batch": 2, "device": "cpu"}
    train.train(train.Settings(out=str(tmp_path / "first"), steps=2, **told))
    init = str(tmp_path / "first" / "first.yaml")
    narrow = train.Settings(init=init, **told)
    wide = replace(narrow, dense_hidden=200)
    known, grown = (train.network(each.begin(), each).eval() for each in (narrow, wide))
    assert grown.dense.up.out_features == 200 > known.dense.up.out_features
    x, time = torch.randn(2, 3, 16, 16, generator=rng()), torch.tensor([100.0, 700.0])
    assert torch.allclose(grown(x, time), known(x, time), atol=1e-6)
    grown.first_guess(x, time).square().sum().backward()
    assert grown.dense.down.weight.grad[:, 96:].abs().max() > 0


@pytest.mark.parametrize("small_unet", ["dense"], indirect=True)
@pytest.mark.parametrize("part", ["guess", "unet"])
def test_one_part_learns_alone(own: Path, small_unet: str, tmp_path: Path, part: str) -> None:
    told = {"data": str(own), "batch": 2, "dense_batch": 2, "device": "cpu"}
    train.train(train.Settings(out=str(tmp_path / "first"), steps=1, **told))
    init = str(tmp_path / "first" / "first.yaml")
    out = tmp_path / "second"
    alone = {"init": init, "learn": part, "lr": 1e-2, "steps": 2}
    train.train(train.Settings(out=str(out), **alone, **told))
    before, after = load_file(tmp_path / "first" / "first.safetensors"), weights(out)
    moved = {name for name in after if not torch.equal(before[name].float(), after[name])}
    assert moved and all(name.startswith("dense.") == (part == "guess") for name in moved)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def checkpoint(place: Path) -> dict[str, Tensor]:
    """A guided-diffusion checkpoint with learned variance, its weights at random, and its card."""
    torch.manual_seed(0)
    net = UNet(train.UNetConfig(**CARD["unet"]))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    torch.save(net.state_dict(), place / "small.pt")
    (place / "small.yaml").write_text(yaml.safe_dump({**CARD, "file": "small.pt"}))
    return net.state_dict()


@pytest.mark.parametrize("name", ["small.yaml", "small.pt"])
def test_a_checkpoint_is_trained_further_as_what_it_is(
    own: Path, tmp_path: Path, name: str
) -> None:
    """By its card, or by its tensors alone: every tensor keeps its name and shape and moves a
    little; the card keeps its kind."""
    before = checkpoint(tmp_path)
    out, init = tmp_path / "tuned", str(tmp_path / name)
    told = {"data": str(own), "init": init, "batch": 2, "device": "cpu", "lr": 1e-2}
    train.train(train.Settings(out=str(out), steps=2, **told))
    after = load_file(out / "tuned.safetensors")
    assert {k: t.shape for k, t in after.items()} == {k: t.shape for k, t in before.items()}
    moved = max((after[k].float() - before[k]).abs().max() for k in before)
    assert 1e-4 < moved < 1e-2
    card = yaml.safe_load((out / "tuned.yaml").read_text())
    assert (card["prediction"], card["schedule"]) == ("eps", "linear")
    assert card["unet"]["learn_sigma"] and card["size"] == [16, 16]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["size=100"], "size=100"),
        (["size=36"], "multiple of 8"),
        (["optimizer=sgd"], "optimizer=sgd"),
        (["init=imagenet1024"], "imagenet1024"),
        (["init=imagenet512"], "init=imagenet512"),
        (["init=codes_small"], "init=codes_small: model=codes_small is for generator=codes"),
        (["init=embedded", "channels=64"], "channels=64"),
        (["init=embedded", "size=36"], "size=36"),
        (["init=embedded", "dense_hidden=100"], "at least 2560"),
        (["size=64", "dense_hidden=100"], "no fully connected"),
        (["learn=text"], "learn=text"),
        (["size=64", "learn=guess"], "no first guess"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_read(
    own: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "empty"))
    told = from_argv(train.Settings, [f"data={own}", *words])
    with pytest.raises(BadInput, match=said):
        told.check()
        told.begin()


@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_new_networks_have_the_size_that_is_asked_for(size: int) -> None:
    with torch.device("meta"):
        net = UNet(train.architecture(size))
    assert net.config.image_size == size
    assert size % net.config.divisor == 0


def test_nothing_runs_at_import() -> None:
    code = "import guided.training.diffusion.train, sys; assert 'open_clip' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
