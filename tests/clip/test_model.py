"""CLIPs through open_clip, on small random ones saved in its own format."""

import copy
import gzip
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from guided.clip.model import Clip, from_file, load, small_suffix, training
from guided.compat.open_clip import import_open_clip
from guided.config import card_list
from guided.errors import BadInput
from guided.models.cards import ClipCard
from guided.models.clip_config import MERGES
from tests.doubles import randomised, relative

open_clip = import_open_clip()
CPU = torch.device("cpu")
MERGED = ["r e", "re d</w>", "h e", "he a", "hea r", "hear t</w>"]  # knows "red" and "heart"
TEXTS = ["a red heart", "fog", "一行白鹭上青天", ""]


@dataclass
class Kind:
    """One small CLIP: its image tower, and how it wants images."""

    vision: dict[str, Any]
    mean: list[float]
    std: list[float]
    more: dict[str, Any] = field(default_factory=dict)


KINDS = {
    "vit": Kind(
        dict(image_size=32, layers=2, width=32, patch_size=16, head_width=16),
        mean=[0.48, 0.46, 0.41],
        std=[0.27, 0.26, 0.28],
    ),
    "vit of another size": Kind(
        dict(image_size=48, layers=1, width=64, patch_size=8, head_width=32),
        mean=[0.5, 0.5, 0.5],
        std=[0.5, 0.5, 0.5],
        more=dict(quick_gelu=True),
    ),
    "resnet": Kind(
        dict(image_size=64, layers=[1, 1, 1, 1], width=8, patch_size=None),
        mean=[0.1, 0.2, 0.3],
        std=[0.9, 0.8, 0.7],
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def saved(kind: Kind, folder: Path, weights: bool = True) -> Path:
    """The folder of a random CLIP, with a vocabulary of its own."""
    words = 2 * 256 + len(MERGED) + 2
    config = dict(
        embed_dim=24,
        vision_cfg=kind.vision,
        text_cfg=dict(context_length=12, vocab_size=words, width=32, heads=2, layers=2),
        **kind.more,
    )
    about = dict(model_cfg=config, preprocess_cfg=dict(mean=kind.mean, std=kind.std))
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    (folder / MERGES).write_bytes(gzip.compress("\n".join(["#version", *MERGED]).encode()))
    if weights:
        model = randomised(open_clip.CLIP(**config), seed=4)
        save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


def loaded(folder: Path, dtype: torch.dtype = torch.float32) -> Clip:
    return load(ClipCard(name="small", path=str(folder)), CPU, dtype)


def views(kind: Kind, count: int = 3) -> Tensor:
    """Of whole 1/255 steps, so that they can be pictures too."""
    side = kind.vision["image_size"]
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, 3, side, side), generator=generator) / 255


# ---- images --------------------------------------------------------------------------------


def test_views_are_seen_as_open_clips_own_preprocessing_shows_pictures(
    kind: Kind, tmp_path: Path
) -> None:
    clip = loaded(saved(kind, tmp_path))
    assert clip.size == (kind.vision["image_size"],) * 2
    name = f"local-dir:{tmp_path}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    pictures = [
        Image.fromarray((view * 255).round().byte().permute(1, 2, 0).numpy())
        for view in views(kind)
    ]
    with torch.no_grad():
        shown = torch.stack([preprocess(picture) for picture in pictures])
        expected = model.eval().encode_image(shown, normalize=True)
        found = clip.encode_image(views(kind))
    assert relative(found, expected) < 1e-5
    assert relative(expected[0], expected[1]) > 1e-3  # it does see the difference


def test_embeddings_are_unit_vectors_and_the_gradient_reaches_the_views(
    kind: Kind, tmp_path: Path
) -> None:
    clip = loaded(saved(kind, tmp_path))
    shown = views(kind).requires_grad_()
    seen = clip.encode_image(shown)
    assert torch.allclose(seen.norm(dim=1), torch.ones(3))
    (grad,) = torch.autograd.grad(seen[:, 0].sum(), shown)
    assert (grad != 0).float().mean() > 0.9  # a ResNet's ReLUs are off in places
    assert not any(p.requires_grad for p in clip.model.parameters())


def test_views_of_the_wrong_size_are_refused(tmp_path: Path) -> None:
    clip = loaded(saved(KINDS["vit"], tmp_path))
    with pytest.raises(ValueError, match=r"\(32, 16\).*\(32, 32\)"):
        clip.encode_image(torch.zeros(1, 3, 32, 16))


def test_bfloat16_is_for_the_image_tower_only_and_near_float32(kind: Kind, tmp_path: Path) -> None:
    exact, rough = loaded(saved(kind, tmp_path)), loaded(tmp_path, torch.bfloat16)
    assert {p.dtype for p in rough.visual.parameters()} == {torch.bfloat16}
    with torch.no_grad():
        seen = rough.encode_image(views(kind))
        cosine = (seen * exact.encode_image(views(kind))).sum(1)
    assert seen.dtype == torch.float32 and (cosine > 0.995).all()
    assert torch.equal(rough.encode_text(TEXTS), exact.encode_text(TEXTS))


@pytest.mark.parametrize("sigmoid", [False, True])
def test_a_clip_says_how_it_tells_that_picture_and_text_match(
    sigmoid: bool, tmp_path: Path
) -> None:
    vit = KINDS["vit"]
    more = dict(init_logit_bias=0.0) if sigmoid else {}
    folder = saved(Kind(vit.vision, vit.mean, vit.std, more), tmp_path)
    clip = loaded(folder)
    assert clip.kind == ("sigmoid" if sigmoid else "contrastive")
    shown = views(vit)
    with torch.no_grad():
        tokens = clip.tokenizer(TEXTS, context_length=12)
        image = clip.model.encode_image((shown - clip.mean) / clip.std, normalize=True)
        text = clip.model.encode_text(tokens, normalize=True)
        logits = clip.model.logit_scale.exp() * image @ text.T + (clip.model.logit_bias or 0)
        cosines = clip.encode_image(shown) @ clip.encode_text(TEXTS).T
    assert relative(clip.logit_scale * cosines + clip.logit_bias, logits) < 1e-5


# ---- texts ---------------------------------------------------------------------------------


def test_texts_are_encoded_as_open_clip_does(kind: Kind, tmp_path: Path) -> None:
    clip = loaded(saved(kind, tmp_path))
    model = open_clip.create_model(f"local-dir:{tmp_path}").eval()
    tokens = open_clip.tokenizer.SimpleTokenizer(str(tmp_path / MERGES), context_length=12)(TEXTS)
    with torch.no_grad():
        expected = F.normalize(model.encode_text(tokens), dim=-1)
    assert relative(clip.encode_text(TEXTS), expected) < 1e-5
    assert relative(expected[0], expected[1]) > 1e-3


def test_alternatives_are_what_the_lexicon_says_and_none_without_one() -> None:
    card = ClipCard(name="b", path="embedded/clip_b", lexicon="embedded/lexicon.tsv")
    clip = load(card, CPU, torch.float32)
    assert clip.lexicon is not None
    tokens = clip.tokenizer(clip.lexicon.alternatives("a red cat"), context_length=clip.context)
    expected = clip.model.encode_text(tokens, normalize=True)
    same = expected @ clip.encode_text(["a red cat"])[0] > 0.95
    assert torch.allclose(clip.alternatives("a red cat"), expected[~same], atol=1e-5)
    assert clip.on_meta().alternatives("a red cat").shape == expected[~same].shape
    assert len(clip.alternatives("red")) == 0
    plain = load(ClipCard(name="b", path="embedded/clip_b"), CPU, torch.float32)
    assert len(plain.alternatives("a red cat")) == 0
    assert (clip.colours("a red cat"), clip.colours("red")) == (("red",), None)
    assert plain.colours("a red cat") is None


def test_the_tokenizer_is_the_models_own(tmp_path: Path) -> None:
    """Three words, each one token of its vocabulary; open_clip's usual one has 49408."""
    clip = loaded(saved(KINDS["vit"], tmp_path))
    assert len(clip.tokenizer.encode("a red heart")) == 3
    assert clip.tokenizer.vocab_size == 2 * 256 + len(MERGED) + 2


@pytest.mark.parametrize(
    "text",
    ["red heart, " * 9, "red heart " * 20, "heart", "红" * 9, "a red, red heart. 白鹭上青天，红"],
)
def test_a_split_prompt_keeps_every_word_and_each_part_is_read_whole(
    text: str, tmp_path: Path
) -> None:
    clip = loaded(saved(KINDS["vit"], tmp_path))
    parts = clip.split(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(clip.tokenizer.encode(part)) <= 10 for part in parts)
    if len(clip.tokenizer.encode(text)) <= 10:
        assert parts == [text]


def test_what_an_overlong_prompt_loses_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = loaded(saved(KINDS["vit"], tmp_path))
    fits = "red heart " * 5  # 10 tokens, and one each for start and end
    with caplog.at_level(logging.WARNING):
        clip.encode_text([fits])
        assert caplog.text == ""
        cut = clip.encode_text([fits + "red red heart"])
    assert "'red red heart'" in caplog.text
    assert torch.allclose(cut, clip.encode_text([fits]), atol=1e-6)


def test_what_is_lost_of_chinese_is_readable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = loaded(saved(KINDS["vit"], tmp_path))
    clip.encode_text(["red heart " * 5 + "白鹭"])
    assert "白鹭" in caplog.text


def test_towers_of_timm_and_tokenizers_of_transformers_are_used_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As SigLIP and MobileCLIP have them: here words are tokens, and only the end is marked."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "red": 4, "heart": 5, "fog": 6}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    names = dict(pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, **names)
    fast.save_pretrained(tmp_path)
    text = dict(context_length=8, vocab_size=7, width=32, heads=2, layers=1, pool_type="last")
    config = dict(
        embed_dim=24,
        init_logit_bias=-10.0,
        vision_cfg=dict(
            timm_model_name="test_vit", timm_pool="avg", timm_proj="linear", image_size=64
        ),
        text_cfg=dict(text, hf_tokenizer_name="somewhere/else", no_causal_mask=True),
    )
    wants = dict(mean=[0.5] * 3, std=[0.25] * 3)
    about = dict(model_cfg=dict(config, custom_text=True), preprocess_cfg=wants)
    (tmp_path / "open_clip_config.json").write_text(json.dumps(about))
    model = randomised(open_clip.CustomTextCLIP(**config))
    save_file(model.state_dict(), tmp_path / "open_clip_model.safetensors")

    clip = loaded(tmp_path)
    assert (clip.size, clip.context, clip.kind) == ((64, 64), 8, "sigmoid")
    shown = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = model.eval().encode_image((shown - 0.5) / 0.25, normalize=True)
        tokens = torch.tensor([[3, 4, 5, 1, 0, 0, 0, 0]])
        meant = model.encode_text(tokens, normalize=True)
        assert relative(clip.encode_image(shown), expected) < 1e-5
        assert relative(clip.encode_text(["a red heart"]), meant) < 1e-5
    clip.encode_text(["a red heart fog fog fog fog"])
    assert caplog.text == ""
    clip.encode_text(["a red heart fog fog fog fog red"])
    assert "'red'" in caplog.text


# ---- loading -------------------------------------------------------------------------------


@pytest.mark.parametrize("quick", [True, False])
def test_a_folder_says_itself_whether_it_is_quickgelu(quick: bool, tmp_path: Path) -> None:
    kind = KINDS["vit"]
    folder = saved(Kind(kind.vision, kind.mean, kind.std, dict(quick_gelu=quick)), tmp_path)
    towers = loaded(folder).model
    quicks = [isinstance(m, open_clip.transformer.QuickGELU) for m in towers.modules()]
    assert any(quicks) == quick


@pytest.mark.parametrize(
    "arch, tag, quick",
    [
        ("ViT-B-32", "openai", True),
        ("ViT-B-16", "openai", True),
        ("ViT-L-14-336", "openai", True),
        ("RN50x4", "openai", True),
        ("ViT-B-32-quickgelu", "openai", True),
        ("ViT-B-32", "metaclip_400m", True),
        ("ViT-B-16", "dfn2b", True),
        ("ViT-B-32", "laion2b_s34b_b79k", False),
        ("ViT-B-16", "datacomp_xl_s13b_b90k", False),
        ("ViT-H-14", "laion2b_s32b_b79k", False),
    ],
)
def test_tags_trained_with_quickgelu_are_loaded_with_it(
    arch: str, tag: str, quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """open_clip only warns, and gives the wrong activation. Nothing is downloaded here."""
    small = open_clip.create_model(f"local-dir:{saved(KINDS['vit'], tmp_path)}")
    asked: dict[str, Any] = {}

    def spy(name: str, **settings: Any) -> torch.nn.Module:
        asked.update(settings, name=name)
        return small

    weights = tmp_path / "open_clip_model.safetensors"
    monkeypatch.setattr(open_clip, "create_model", spy)
    monkeypatch.setattr(ClipCard, "cached", lambda card: weights)
    clip = load(ClipCard(name="x", arch=arch, tag=tag), CPU, torch.float32)
    assert asked["force_quick_gelu"] is quick
    # The file, not the tag: a tag would ask the network each time.
    assert (asked["name"], asked["pretrained"]) == (arch, str(weights))
    assert asked["force_preprocess_cfg"]["mean"] == open_clip.get_pretrained_cfg(arch, tag)["mean"]
    assert asked["require_pretrained"]
    assert clip.model is small


# How the weights of cards were trained: activation, statistics of pixels, and how pictures were
# resized. OpenAI's: https://github.com/openai/CLIP/blob/main/clip/clip.py. FARE and TeCoA continue
# LAION's or OpenAI's (https://github.com/chs20/RobustVLM, train/adversarial_training_clip.py), HPS
# LAION's with QuickGELU off (https://github.com/tgxs002/HPSv2, hpsv2/img_score.py). MobileCLIP2's
# S3, S4 and L-14 take OpenAI's statistics, others none: https://github.com/apple/ml-mobileclip
OPENAI = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
HALF, NONE = ((0.5,) * 3, (0.5,) * 3), ((0.0,) * 3, (1.0,) * 3)
TRAINED = {
    **dict.fromkeys(
        (
            *("fare_b32", "fare_b16", "fare_convnext_base", "hps_h14"),
            *("tecoa_b32", "tecoa_b16", "tecoa_convnext_base"),
        ),
        (False, OPENAI, "bicubic", "shortest"),
    ),
    **dict.fromkeys(
        ("fare_l14", "fare2_l14", "metaclip2_h14"), (True, OPENAI, "bicubic", "shortest")
    ),
    **dict.fromkeys(
        ("pe_core_t16", "pe_core_s16", "pe_core_l14"), (False, HALF, "bilinear", "squash")
    ),
    "siglip2_so400m": (False, HALF, "bicubic", "squash"),
    "mobileclip2_b": (False, NONE, "bilinear", "shortest"),
    "mobileclip2_s3": (False, OPENAI, "bilinear", "shortest"),
    "mobileclip2_s4": (False, OPENAI, "bilinear", "shortest"),
    "mobileclip2_l14": (False, OPENAI, "bicubic", "shortest"),
}


@pytest.mark.parametrize("name", TRAINED)
def test_a_card_is_loaded_as_its_weights_were_trained_and_tells_their_size(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole architecture, without memory; only the reading of the file is left out."""
    card = dict(card_list.clips())[name][0]
    weights, read = tmp_path / "weights.safetensors", []
    weights.touch()
    monkeypatch.setattr(ClipCard, "cached", lambda card: weights)
    factory = open_clip.factory
    monkeypatch.setattr(factory, "_set_model_device_and_precision", lambda *_: None)
    monkeypatch.setattr(factory, "load_checkpoint", lambda model, path, **_: read.append(path))
    with torch.device("meta"):
        model = from_file(card)
    quick, (mean, std), interpolation, resize_mode = TRAINED[name]
    seen = model.visual.preprocess_cfg
    assert (tuple(seen["mean"]), tuple(seen["std"])) == (mean, std)
    assert (seen["interpolation"], seen["resize_mode"]) == (interpolation, resize_mode)
    activations = {isinstance(m, open_clip.transformer.QuickGELU) for m in mlps(model)}
    assert activations == {quick}
    assert read == [str(weights)]
    half = name == "hps_h14"  # whose file is in float16
    size = sum(t.numel() for t in model.state_dict().values()) * (2 if half else 4)
    assert card.megabytes == pytest.approx(size / 1e6, rel=0.003)


def mlps(model: torch.nn.Module) -> list[torch.nn.Module]:
    """Return the activations of open_clip's own transformers, of both towers."""
    return [m for name, m in model.named_modules() if name.endswith("mlp.gelu")]


def in_hubs_cache(folder: Path, place: str, file: str) -> Path:
    """Return where the hub's cache in `folder` has a repository's file."""
    repository = folder / f"models--{place.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    (repository / "snapshots" / ("a" * 40)).mkdir(parents=True)
    return repository / "snapshots" / ("a" * 40) / file


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """A random CLIP, and open_clip with every architecture of the tests as small as it, and a
    hub's cache in tmp_path."""
    text = dict(context_length=77, vocab_size=49408, width=32, heads=2, layers=1)
    config = dict(embed_dim=24, vision_cfg=KINDS["vit"].vision, text_cfg=text)
    for arch in ("ViT-B-32", "ViT-L-14", "ViT-H-14", "ViT-B-16-SigLIP"):
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, arch, config)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return randomised(open_clip.CLIP(**config), seed=4).eval()


def quick_twin(model: torch.nn.Module) -> torch.nn.Module:
    """Return the same weights with QuickGELU, as a formula, in place of GELU."""
    twin = copy.deepcopy(model)
    for mlp in (m for name, m in twin.named_modules() if name.endswith(".mlp")):
        mlp.gelu = Function(lambda x: x * torch.sigmoid(1.702 * x))
    return twin


class Function(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize(("name", "quick"), [("fare_b32", False), ("fare_l14", True)])
def test_a_card_without_a_tag_takes_its_weights_from_the_hub_and_the_rest_from_its_base(
    name: str, quick: bool, small: torch.nn.Module, tmp_path: Path
) -> None:
    card = dict(card_list.clips())[name][0]
    assert card.missing() is not None and card.hub in card.missing()
    weights = in_hubs_cache(tmp_path, card.hub, "open_clip_model.safetensors")
    save_file(small.state_dict(), weights)
    assert card.missing() is None
    clip = load(card, CPU, torch.float32)
    model = quick_twin(small) if quick else small
    shown = views(KINDS["vit"])
    mean, std = (torch.tensor(x).view(1, 3, 1, 1) for x in OPENAI)
    tokens = open_clip.get_tokenizer("ViT-B-32")(TEXTS)
    with torch.no_grad():
        expected = model.encode_image((shown - mean) / std, normalize=True)
        meant = model.encode_text(tokens, normalize=True)
        other = (small if quick else quick_twin(small)).encode_image((shown - mean) / std, True)
    assert relative(clip.encode_image(shown), expected) < 1e-5 < relative(other, expected)
    assert relative(clip.encode_text(TEXTS), meant) < 1e-5


def test_hps_is_read_from_the_state_dict_in_its_file_without_running_code(
    small: torch.nn.Module, tmp_path: Path
) -> None:
    card = dict(card_list.clips())["hps_h14"][0]
    weights = in_hubs_cache(tmp_path, "xswu/HPSv2", "HPS_v2.1_compressed.pt")
    halves = {name: tensor.half() for name, tensor in small.state_dict().items()}
    torch.save({"epoch": 3, "name": "hps", "state_dict": halves}, weights)
    clip = load(card, CPU, torch.float32, plain=True)
    for name, tensor in clip.model.state_dict().items():
        assert torch.equal(tensor, halves[name].float()), name
    for wrong, part in (
        ({"state_dict": halves, "more": Path("x")}, "more than tensors"),
        ({"state_dict": {k: v for k, v in halves.items() if k != "visual.proj"}}, "visual.proj"),
        ({"state_dict": halves | {"visual.proj": torch.zeros(3, 3)}}, "visual.proj"),
        ({"state_dict": halves, (1,) * 1001: 0}, "tuple of more than"),
    ):
        torch.save(wrong, weights)
        with pytest.raises(BadInput, match=f"clip=hps_h14: .*{part}") as caught:
            load(card, CPU, torch.float32)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arch", "mean", "quick"),
    [
        ("ViT-B-16-SigLIP2", 0.5, False),
        ("MobileCLIP2-S0", 0.0, False),
        ("ViT-L-14", None, False),  # tags do not agree: open_clip's own default
        ("RN50x4", OPENAI[0][0], True),
        ("ViT-e-14", None, False),  # no tag
    ],
)
def test_of_a_file_without_a_tag_all_is_known_in_which_the_architectures_tags_agree(
    arch: str, mean: float | None, quick: bool
) -> None:
    known = training(ClipCard(name="own", arch=arch, path="own.pt"))
    assert known.get("mean", (None,))[0] == mean
    assert bool(known.get("quick_gelu")) == quick


def test_a_folder_without_weights_is_refused_rather_than_random(tmp_path: Path) -> None:
    with pytest.raises((RuntimeError, BadInput), match=r"(?i)weights"):
        loaded(saved(KINDS["vit"], tmp_path, weights=False))


def test_a_suffix_in_capitals_is_small_for_open_clip(tmp_path):
    tensors = {"a": torch.arange(3.0)}
    path = tmp_path / "MODEL.SAFETENSORS"
    save_file(tensors, path)
    with small_suffix(path) as place:
        assert place.suffix == ".safetensors" and place.samefile(path)
        assert torch.equal(open_clip.factory.load_state_dict(str(place))["a"], tensors["a"])
    small = path.rename(tmp_path / "model.safetensors")
    with small_suffix(small) as place:
        assert place == small
