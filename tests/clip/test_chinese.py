"""Chinese-CLIP, on a small random one, against transformers itself."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from guided.clip.model import Clip, load
from guided.compat.open_clip import import_late
from guided.errors import BadInput
from guided.models.cards import ClipCard
from tests.doubles import randomised, relative

import_late()  # before transformers, for the operators of torchvision that it declares
transformers = pytest.importorskip("transformers")
CPU = torch.device("cpu")
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"一颗红心大白鹭上青天，",
    "red",
    "heart",
    "##s",
]
TEXTS = ["一颗红心", "白鹭上青天", "red hearts", ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chinese")
    tower = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2)
    config = transformers.ChineseCLIPConfig(
        text_config=dict(**tower, vocab_size=len(WORDS), max_position_embeddings=60),
        vision_config=dict(**tower, image_size=32, patch_size=16),
        projection_dim=24,
    )
    model = randomised(transformers.ChineseCLIPModel(config), seed=3)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(
        '{"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}'
    )
    return folder


@pytest.fixture(scope="module")
def clip(folder: Path) -> Clip:
    return load(ClipCard(name="small", path=str(folder)), CPU, torch.float32)


@pytest.fixture(scope="module")
def oracle(folder: Path) -> torch.nn.Module:
    return transformers.ChineseCLIPModel.from_pretrained(folder).eval()


def views() -> torch.Tensor:
    return torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_images_and_texts_lie_where_transformers_puts_them(clip, folder, oracle) -> None:
    tokens = transformers.BertTokenizer.from_pretrained(folder)(
        TEXTS, padding=True, return_tensors="pt"
    )
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.4])
    shown = (views() - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    expected = oracle(**tokens, pixel_values=shown)
    assert relative(clip.encode_text(TEXTS), F.normalize(expected.text_embeds, dim=-1)) < 1e-5
    assert relative(clip.encode_image(views()), F.normalize(expected.image_embeds, dim=-1)) < 1e-5
    cosines = clip.encode_image(views()) @ clip.encode_text(TEXTS).T
    assert relative(clip.logit_scale * cosines, expected.logits_per_image) < 1e-5


def test_the_gradient_reaches_the_views(clip) -> None:
    shown = views().requires_grad_()
    seen = clip.encode_image(shown)
    (grad,) = torch.autograd.grad(seen[:, 0].sum(), shown)
    assert (grad != 0).float().mean() > 0.99
    assert (clip.size, clip.kind) == ((32, 32), "contrastive")


def test_it_reads_52_tokens_and_says_what_it_does_not(clip, caplog) -> None:
    fits = "红心" * 25
    clip.encode_text([fits])
    assert caplog.text == ""
    cut = clip.encode_text([fits + "白鹭"])
    assert "白 鹭" in caplog.text
    assert torch.allclose(cut, clip.encode_text([fits]), atol=1e-6)
    assert clip.split("一颗红心，" * 30) == ["一颗红心，" * 10] * 3


def test_pickled_weights_are_read_as_tensors_only(folder, clip, tmp_path) -> None:
    class Touch:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "touched",))

    for name in ("config.json", "vocab.txt", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    state = transformers.ChineseCLIPModel.from_pretrained(folder).state_dict()
    torch.save(state, tmp_path / "pytorch_model.bin")
    card = ClipCard(name="small", path=str(tmp_path))
    again = load(card, CPU, torch.float32)
    found = again.model.state_dict()
    assert all(torch.equal(found[name], each) for name, each in clip.model.state_dict().items())
    # Where in memory weights lie decides the last bits of a product on some processors.
    assert torch.allclose(again.encode_text(TEXTS), clip.encode_text(TEXTS), atol=1e-6)
    torch.save(state | {"x": Touch()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(BadInput, match="cannot be read"):
        load(card, CPU, torch.float32)
    assert not (tmp_path / "touched").exists()


def test_bfloat16_is_near(folder, clip) -> None:
    rough = load(ClipCard(name="small", path=str(folder)), CPU, torch.bfloat16)
    with torch.no_grad():
        cosine = (rough.encode_image(views()) * clip.encode_image(views())).sum(1)
    assert (cosine > 0.99).all()


def test_without_transformers_the_remedy_is_named(monkeypatch, folder) -> None:
    monkeypatch.setattr("guided.models.cards.find_spec", lambda name: None)
    for card in (
        ClipCard(name="chinese", arch="chinese_clip", hub="OFA-Sys/x"),
        ClipCard(name="own", path=str(folder)),
        ClipCard(name="many", arch="xlm-roberta-base-ViT-B-32", tag="laion5b_s13b_b90k"),
    ):
        with pytest.raises(BadInput, match="pip install transformers"):
            card.missing()
