"""model= and clip= by file, folder, card of one's own, or open_clip's names."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

import guided
from guided.cli import main
from guided.config import kinds
from guided.config.catalog import spelt_out
from guided.config.composition import compose
from guided.config.messages import words_for
from guided.config.overrides import parse, parse_all
from guided.config.plan import Plan
from guided.config.schema import build, build_all
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.errors import BadInput
from tests.composing import composed

SMALL = UNetConfig(
    image_size=16, num_channels=32, channel_mult=[1, 2], num_res_blocks=1,
    attention_resolutions=[8], num_head_channels=32, learn_sigma=False,
)  # fmt: skip
CLIP = Path(guided.__file__).parent / "models" / "embedded" / "clip_a"
NAMES = ["own.safetensors", "with blank.safetensors", "我的, 模型.safetensors", "it's.safetensors"]


@pytest.fixture(scope="module")
def tensors():
    return UNet(SMALL).state_dict()


def complaint(*words: str) -> str:
    with pytest.raises(BadInput) as caught:
        compose(["prompt=x", *words])
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("quoted", [False, True])
def test_a_file_is_a_model_like_any_other(tmp_path, tensors, name, quoted) -> None:
    path = tmp_path / name
    save_file(tensors, path)
    typed = "model='{}'".format(str(path).replace("'", "\\'")) if quoted else f"model={path}"
    cfg = compose([typed, "prompt=x", "model.unet.num_heads=4", "model.prediction=v", "seed=1"])
    plan = Plan.read(cfg)
    assert plan.model.path() == path
    assert (plan.model.unet.num_channels, plan.model.unet.multipliers) == (32, [1, 2])
    assert (plan.model.unet.num_heads, plan.model.prediction) == (4, "v")
    assert plan.size == (16, 16)


def test_paths_may_be_relative_or_begin_with_home(tmp_path, tensors, monkeypatch) -> None:
    save_file(tensors, tmp_path / "own.safetensors")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for typed in ("own.safetensors", "./own.safetensors", "~/own.safetensors"):
        card = build(compose([f"model={typed}"]).model, "model")
        assert Path(card.file) == tmp_path / "own.safetensors"


def test_python_takes_files_too(tmp_path, tensors) -> None:
    save_file(tensors, tmp_path / "own.safetensors")
    cfg = composed(words_for("x", (), {"model": str(tmp_path / "own.safetensors")}))
    assert cfg.model.unet.num_channels == 32


def test_a_pickled_checkpoint_is_recognised_too(tmp_path, tensors) -> None:
    torch.save({"ema": tensors, "step": 7}, tmp_path / "own.pt")
    assert compose([f"model={tmp_path}/own.pt"]).model.unet.num_channels == 32


def test_what_was_assumed_is_said_once(tmp_path, tensors, caplog) -> None:
    save_file(tensors, tmp_path / "own.safetensors")
    compose([f"model={tmp_path}/own.safetensors"])
    assert caplog.text.count("head") >= 1
    assert len(caplog.records) == 1


def test_a_known_file_has_its_cards_settings(tmp_path) -> None:
    """pixelart's own name: nothing to assume."""
    from guided.config import card_list

    card = dict(card_list.models())["embedded"]
    source = Path(guided.__file__).parent / "models" / card.file
    found = build(compose([f"model={source}"]).model, "model")
    for setting in ("prediction", "schedule", "size", "recommended", "upscaler", "unet"):
        if setting != "unet":
            assert getattr(found, setting) == getattr(card, setting)


def test_several_files_may_be_swept(tmp_path, tensors) -> None:
    for name in ("a", "b"):
        save_file(tensors, tmp_path / f"{name}.safetensors")
    typed = f"model={tmp_path}/a.safetensors,{tmp_path}/b.safetensors,embedded"
    (override,) = spelt_out([parse(typed)], [])
    names = override.text.split(",")
    assert names[2] == "embedded"
    files = [Path(compose([f"model={name}"]).model.file).name for name in names[:2]]
    assert files == ["a.safetensors", "b.safetensors"]


def test_a_card_of_ones_own_names_a_file_beside_it(tmp_path, tensors) -> None:
    save_file(tensors, tmp_path / "own.safetensors")
    card = {
        "_target_": "guided.models.cards.ModelCard",
        "name": "mine",
        "file": "own.safetensors",
        "size": [16, 16],
        "unet": {"num_channels": 32, "channel_mult": [1, 2], "image_size": 16},
    }
    OmegaConf.save(OmegaConf.create(card), tmp_path / "mine.yaml")
    cfg = compose([f"model={tmp_path}/mine.yaml", "model.recommended.steps=9", "prompt=x"])
    plan = Plan.read(cfg)
    assert (plan.model.name, plan.steps) == ("mine", 9)
    assert plan.model.path() == tmp_path / "own.safetensors"
    assert cfg.guide.clip.scale == 5000  # what a card leaves out is there to be referred to


def test_a_card_with_a_slip_is_told(tmp_path) -> None:
    card = {"_target_": "guided.models.cards.ModelCard", "name": "mine", "fiel": "x"}
    OmegaConf.save(OmegaConf.create(card), tmp_path / "mine.yaml")
    assert "did you mean 'file'" in complaint(f"model={tmp_path}/mine.yaml")


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("model=./nothing.pt", ["model=./nothing.pt", "no such file"]),
        ("model=imagenet512.pt", ["no such file", "'imagenet512'"]),
        (f"model={CLIP}/open_clip_model.safetensors", ["a CLIP", "expected"]),
        (f"model={__file__}.pt", ["no such file", "test_catalog.py"]),
        ("clip=[ViT-B-33::openai]", ["ViT-B-33", "'ViT-B-32'"]),
        ("clip=ViT-B-32::laion2b_s34b_b79", ["'laion2b_s34b_b79k'"]),
        ("clip=ViT-B-32", ["ViT-B-32::TAG", "openai"]),
        ("clip=ViT-B-32::./gone.safetensors", ["./gone.safetensors", "no such file"]),
        ("clip=./gone", ["clip=./gone", "no such"]),
    ],
)
def test_what_there_is_not_is_told_in_one_line(word, parts) -> None:
    said = complaint(word)
    for part in parts:
        assert part in said


def test_names_of_conf_are_left_alone() -> None:
    words = [
        "model=imagenet512",
        "clip=[vit_b32,rn50]",
        "clip=convnext_base",
        "prompt=a::b/c.pt",
        "x",
    ]
    assert spelt_out(parse_all(words), []) == parse_all(words)


def test_a_missing_name_without_a_path_is_hydras_to_tell() -> None:
    with pytest.raises(Exception) as caught:
        compose(["model=imagnet512"])
    assert "'imagenet512'" in main.say(caught.value)


# ---- CLIPs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "arch", "tag", "hub", "reads"),
    [
        ("ViT-B-32::laion2b_s34b_b79k", "ViT-B-32", "laion2b_s34b_b79k", "laion/", ["latin"]),
        ("RN50::yfcc15m", "RN50", "yfcc15m", "timm/", ["latin"]),
        ("RN50-quickgelu::openai", "RN50-quickgelu", "openai", "timm/", ["latin"]),
        ("ViT-L/14@336px", "ViT-L-14-336", "openai", "timm/", ["latin"]),
        ("ViT-B-16-SigLIP2-256::webli", "ViT-B-16-SigLIP2-256", "webli", "timm/", ["any"]),
    ],
)
def test_any_architecture_and_tag_is_a_clip(typed, arch, tag, hub, reads) -> None:
    for words in ([f"clip=[{typed}]"], [f"clip={typed}"], [f"clip=['{typed}',embedded]"]):
        card = build_all(compose(words).clip, "clip")[typed]
        assert (card.arch, card.tag, card.reads) == (arch, tag, reads)
        assert card.hub.startswith(hub)


def test_a_folder_is_a_clip(tmp_path) -> None:
    folder = tmp_path / "我的 clip"
    folder.symlink_to(CLIP)
    cfg = compose([f"clip=[{folder},embedded]", "prompt=x"])
    cards = Plan.read(cfg).clips
    assert list(cards) == [str(folder), "embedded_a", "embedded_b"]
    assert cards[str(folder)].folder() == folder


def test_a_file_without_its_architecture_is_told() -> None:
    cfg = compose([f"clip={CLIP}/open_clip_model.safetensors", "prompt=x"])
    with pytest.raises(BadInput, match="ARCHITECTURE::"):
        Plan.read(cfg)


def test_chinese_for_an_english_clip_is_warned_of_before_anything_is_fetched(
    caplog, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match="is not here"):
        Plan.read(compose(["prompt=一只猫", "clip=[vit_b32]"]))
    assert "vit_b32 does not read Chinese" in caplog.text
    caplog.clear()
    Plan.read(compose(["prompt=一只猫"]))  # the embedded ones do
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("group", "typed", "taken"),
    [
        ("clip", "hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "ViT-B-32::laion2b_s34b_b79k"),
        ("clip", "hf-hub:chs20/fare2-clip", "clip=[fare2_l14], the same weights"),
        ("clip", "https://huggingface.co/xswu/HPSv2", "clip=[hps_h14], the same weights"),
        ("clip", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "ViT-B-32::laion2b_s34b_b79k"),
        ("clip", "foo/bar", "ARCHITECTURE::TAG"),
        ("model", "foo/bar", "models=list"),
        ("model", "hf-hub:foo/bar", "models=list"),
    ],
)
def test_names_of_the_hub_are_told_with_what_is_taken_instead(group, typed, taken) -> None:
    value = f"[{typed}]" if group == "clip" else typed
    with pytest.raises(BadInput) as caught:
        spelt_out([parse(f"{group}={value}")], [])
    assert f"{group}={typed}" in str(caught.value)
    assert taken in str(caught.value)


@pytest.mark.parametrize("typed", ["a" * 300 + ".pt", "~nosuchuser/m.pt", "x/" * 3000 + "m.pt"])
@pytest.mark.parametrize("group", ["model", "clip"])
def test_names_that_can_be_no_file_are_told(group, typed) -> None:
    why = r"no such file|is too long|is not known here|NUL"
    with pytest.raises(BadInput, match=why) as caught:
        spelt_out([parse(f"{group}={typed}")], [])
    assert len(str(caught.value)) < 300


def test_a_model_of_another_generator_chooses_it_unless_one_is_chosen(tmp_path, monkeypatch):
    """A card of one's own says by its kind which generator draws with it."""
    monkeypatch.setitem(kinds.KINDS, "generator/other", "guided.other")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "odd.yaml").write_text("_target_: model/other\nname: odd\nfile: x.pt\n")
    flags = ["--config-dir", str(tmp_path)]

    def raws(*words: str) -> list[str]:
        return [one.raw for one in spelt_out([parse(word) for word in words], flags)]

    assert raws("model=odd") == ["model=odd", "generator=other"]
    assert raws("model=odd", "generator=mpgd") == ["model=odd", "generator=mpgd"]
    assert raws("model=embedded") == ["model=embedded"]


def test_a_folder_of_diffusers_is_its_file_of_weights(tmp_path, tensors) -> None:
    (tmp_path / "pipeline" / "unet").mkdir(parents=True)
    file = tmp_path / "pipeline" / "unet" / "diffusion_pytorch_model.safetensors"
    save_file(tensors, file)
    assert compose([f"model={tmp_path}/pipeline"]).model.file == str(file)
    assert "is a folder without diffusion_pytorch" in complaint(f"model={tmp_path}")
