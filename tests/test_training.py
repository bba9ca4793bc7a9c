"""The training rooms at toy size: no downloads, no vendor's pictures, seconds on one core."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from guided.training import (
    bpe,
    checkpoint,
    clip,
    data,
    diffusion,
    muon,
    pictures,
    pool,
    upscaler,
    views,
    watch,
)
from guided.training.captions import Captions, Seen
from guided.training.settings import from_argv

TRAINING = Path(data.__file__).parent
WORDS = [
    {"label": "red heart", "tags": ["love"], "zh": "红心", "zh_tags": ["爱"], "group": "heart"},
    {"label": "sun", "tags": ["bright"], "zh": "太阳", "zh_tags": [], "group": "sky-weather"},
    {"label": "star", "tags": [], "zh": "星星", "zh_tags": ["夜"], "group": "sky-weather"},
    {"label": "cat face", "tags": ["pet"], "zh": "猫脸", "zh_tags": [], "group": "animal-mammal"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A prepared data set of twelve plain discs: two vendors to train on, one held out."""
    rows = [
        {"concept": c, "vendor": v}
        for v in ("noto", "twemoji", "emojione")
        for c in range(len(WORDS))
    ]
    y, x = np.mgrid[:128, :128] - 63.5
    disc = (x**2 + y**2 < 60**2).astype(np.uint8) * 255
    colours = np.random.default_rng(0).integers(0, 255, (len(rows), 1, 1, 3))
    tinted = [
        np.dstack([np.broadcast_to(c, (128, 128, 3)), disc]).astype(np.uint8) for c in colours
    ]
    np.save(tmp_path / "pictures.npy", np.stack(tinted))
    styles = {"noto": "flat", "twemoji": "flat", "emojione": "flat cartoon"}
    book = {"concepts": WORDS, "pictures": rows, "styles": styles}
    (tmp_path / "captions.json").write_text(json.dumps(book))
    return tmp_path


@pytest.fixture
def small_unet(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = diffusion.UNetConfig(
        image_size=32,
        num_channels=32,
        channel_mult=[1, 1],
        num_res_blocks=1,
        attention_resolutions=[],
        learn_sigma=False,
    )
    monkeypatch.setattr(diffusion, "architecture", lambda: tiny)
    monkeypatch.setattr(pool, "architecture", lambda: tiny)


def test_every_source_is_pinned_and_not_share_alike() -> None:
    sources = yaml.safe_load((TRAINING / "sources.yaml").read_text())
    for source in [sources["words"], *sources["pictures"]]:
        assert len(source["sha256"]) == 64
        assert source["version"] and source["attribution"]
        assert "SA" not in source["licence"] and "GPL" not in source["licence"]


def test_a_changed_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.tgz").write_bytes(b"other bytes")
    with pytest.raises(ValueError, match="sha256"):
        data.fetch({"package": "thing", "version": "1.0", "sha256": "0" * 64}, tmp_path)


def test_a_picture_is_cropped_to_its_ink_and_centred() -> None:
    picture = data.Image.new("RGBA", (100, 100))
    picture.paste((255, 0, 0, 255), (70, 10, 90, 20))
    square = data.centred(picture, 64)
    assert square is not None
    across = np.flatnonzero(square[..., 3].max(0) > 128)
    down = np.flatnonzero(square[..., 3].max(1) > 128)
    assert across[0] == 63 - across[-1] <= 1
    assert abs(down[0] - (63 - down[-1])) <= 1
    assert tuple(square[32, 32]) == (255, 0, 0, 255)
    assert data.centred(data.Image.new("RGBA", (9, 9)), 64) is None


def test_settings_read_words_and_name_mistakes() -> None:
    settings = from_argv(diffusion.Settings, ["minutes=3", "lr=1e-4", "muon=false", "out=x"])
    assert (settings.minutes, settings.lr, settings.muon, settings.out) == (3.0, 1e-4, False, "x")
    for words in (["minute=3"], ["batch=many"], ["minutes"]):
        with pytest.raises(SystemExit, match=r"batch|int"):
            from_argv(diffusion.Settings, words)


def test_nothing_runs_at_import() -> None:
    code = "import guided.training.diffusion, sys; assert 'open_clip' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hue_rotation_keeps_grey_and_comes_back_after_a_full_turn() -> None:
    grey, colour = torch.full((1, 3, 2, 2), 0.4), torch.rand(1, 3, 2, 2) * 0.3 + 0.3
    assert torch.allclose(pictures.hue_rotated(grey, torch.tensor([1.3])), grey, atol=1e-6)
    assert torch.allclose(
        pictures.hue_rotated(colour, torch.tensor([2 * torch.pi])), colour, atol=1e-5
    )


def test_colours_are_named(folder: Path) -> None:
    red = torch.tensor([0.9, 0.1, 0.15]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    assert views.colour_names(red, torch.ones(1, 1, 64, 64)) == ["red"]


def test_subjects_weigh_concepts_not_pictures(folder: Path) -> None:
    book = pictures.load(folder, 64)
    chosen = {"vendors": {"noto": 1, "twemoji": 3}, "weights": {2: ["sun"], 1: "star, cat face"}}
    weights = diffusion.picture_weights(book, chosen)
    of_concept = torch.zeros(4).index_add_(0, book.concepts, weights)
    assert of_concept.tolist() == pytest.approx([0, 2, 1, 1])
    assert all(weights[i] == 0 for i, vendor in enumerate(book.vendors) if vendor == "emojione")


def test_every_subject_is_spelt_as_in_unicode() -> None:
    """Each subject once, and other names only for subjects."""
    chosen = yaml.safe_load((TRAINING / "subjects.yaml").read_text())
    labels = [
        s.strip()
        for names in [*chosen["weights"].values(), chosen["later"]]
        for s in (names.split(",") if isinstance(names, str) else names)
    ]
    assert len(labels) == len(set(labels)) > 100
    assert set(yaml.safe_load((TRAINING / "names.yaml").read_text())) <= set(labels)


def test_muon_orthogonalises_and_learns() -> None:
    matrix = muon.orthogonal(
        torch.randn(16, 40, generator=torch.Generator().manual_seed(0)), steps=10
    )
    sizes = torch.linalg.svdvals(matrix)
    assert sizes.min() > 0.6 and sizes.max() < 1.3
    weight, target = torch.nn.Parameter(torch.zeros(8, 8)), torch.eye(8)
    optimizer = muon.Muon([weight], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        optimizer.step()
    assert (weight - target).abs().max() < 0.15


def test_captions_hold_the_name_in_both_languages() -> None:
    captions = Captions(WORDS, {"red heart": ["heart", "爱心"]})
    luck = random.Random(0)
    said = [captions.draw(Seen(0, "red", "white", "flat"), luck) for _ in range(300)]
    assert all(name in caption for caption, name in said)
    assert {name for _, name in said} >= {"red heart", "heart", "红心", "爱心"}
    assert len({caption for caption, _ in said}) > 150
    assert not any("red red heart" in caption for caption, _ in said)
    assert captions.owners["红心"] == {0}


def test_the_vocabulary_is_read_by_open_clip(tmp_path: Path) -> None:
    path = tmp_path / bpe.FILE
    bpe.write(
        bpe.learn(["a red heart", "a red sun", "红色的心", "红色的太阳"] * 3, size=540), path
    )
    tokenizer = clip.import_open_clip().SimpleTokenizer(bpe_path=str(path), context_length=8)
    assert tokenizer.vocab_size == 540
    for text in ("a red heart", "红色的心", "something never seen"):
        assert tokenizer.decode(tokenizer.encode(text)).strip() == text
    assert len(tokenizer.encode("red")) == 1


def test_diffusion_goes_on_exactly_where_it_stopped(folder: Path, small_unet: None) -> None:
    """Two steps, a stop and two more give the weights of four steps at once."""

    def run(out: str, step_counts: list[int]) -> dict[str, torch.Tensor]:
        for count in step_counts:
            settings = diffusion.Settings(data=str(folder), out=str(folder / out), batch=2)
            stop_after(count, settings)
        return torch.load(folder / out / "state.pt", weights_only=True)["model"]

    once, twice = run("once", [4]), run("twice", [2, 2])
    assert all(torch.equal(once[key], twice[key]) for key in once)
    assert (folder / "once" / "samples-000004.png").exists()


def stop_after(count: int, settings: diffusion.Settings) -> None:
    """Trains `count` steps: the clock runs out when the last of them ends."""

    class Count(checkpoint.Clock):
        asked = 0

        @property
        def over(self) -> bool:
            Count.asked += 1  # asked at the top of a step and again at its end
            return Count.asked >= 2 * count

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusion.checkpoint, "Clock", Count)
        patch.setattr(diffusion.checkpoint.Clock, "fading", lambda self, fade: 1.0)
        diffusion.train(settings)


def test_a_pool_holds_guesses_of_known_pictures(folder: Path, small_unet: None) -> None:
    model = diffusion.UNet(diffusion.architecture())
    torch.save({"ema": model.state_dict()}, folder / "state.pt")
    pool.fill(
        pool.Settings(
            weights=str(folder / "state.pt"),
            data=str(folder),
            out=str(folder / "pool.pt"),
            count=4,
            batch=2,
        )
    )
    made = torch.load(folder / "pool.pt", weights_only=True)
    assert made["images"].shape == (4, 3, 32, 32)
    assert made["images"].dtype == torch.uint8


def test_the_upscaler_trains_and_ships(folder: Path) -> None:
    shipped = folder / "upscaler.safetensors"
    upscaler.train(
        upscaler.Settings(
            data=str(folder), out=str(folder / "up"), minutes=0.001, batch=2, ship=str(shipped)
        )
    )
    weights = checkpoint_weights(shipped)
    model = upscaler.Upscaler()
    model.load_state_dict(weights)
    assert model(torch.rand(1, 3, 8, 8)).shape == (1, 3, 32, 32)


def checkpoint_weights(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return {key: value.float() for key, value in load_file(path).items()}


def test_watching_draws_a_sheet_and_a_curve(tmp_path: Path) -> None:
    watch.sheet(torch.rand(3, 3, 8, 8), tmp_path / "sheet.png", columns=2, zoom=1)
    diary = watch.Diary(tmp_path / "diary.csv", every_seconds=-1)
    for step in range(3):
        diary.note(step, step / 10, loss=1 / (step + 1))
    assert (tmp_path / "diary.png").exists()
    assert len((tmp_path / "diary.csv").read_text().splitlines()) == 4


def test_two_towers_differ_and_load_as_a_local_folder(tmp_path: Path) -> None:
    bpe.write(bpe.learn(["a red heart"], size=520), tmp_path / bpe.FILE)
    torch.manual_seed(0)
    model = clip.build("b")
    clip.ship(model.state_dict(), "b", tmp_path / bpe.FILE, tmp_path / "shipped")
    loaded = clip.import_open_clip().create_model(f"local-dir:{tmp_path / 'shipped'}")
    assert loaded.visual.image_size == (32, 32) and loaded.context_length == clip.CONTEXT
    views_in = torch.rand(2, 3, 32, 32)
    assert torch.allclose(
        loaded.eval().encode_image(views_in), model.eval().encode_image(views_in), atol=2e-2
    )
    assert clip.TOWERS["a"] != clip.TOWERS["b"]
