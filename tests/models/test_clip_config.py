"""A CLIP's folder may come from anyone: no code of it runs, and nothing else is read."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from guided.clip.model import load
from guided.compat.open_clip import import_open_clip
from guided.errors import BadInput
from guided.models.cards import ClipCard
from guided.models.clip_config import MERGES, chinese_settings, open_clip_settings

VISION = dict(image_size=32, layers=1, width=32, patch_size=16, head_width=16)
TEXT = dict(context_length=12, vocab_size=514, width=32, heads=2, layers=1)


def about(**model: Any) -> dict[str, Any]:
    model = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT} | model
    return {"model_cfg": model, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}


def folder_of(folder: Path, settings: dict[str, Any]) -> Path:
    """A folder whose weights fit `about()`, its configuration and a program that leaves a mark."""
    config = about()["model_cfg"]
    weights = import_open_clip().CLIP(**config).state_dict()
    save_file(weights, folder / "open_clip_model.safetensors")
    (folder / MERGES).write_bytes(gzip.compress(b"#version\n"))
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    ran = folder / "ran"
    program = f"open({str(ran)!r}, 'w')\nclass T:\n    @classmethod\n"
    program += "    def from_pretrained(cls, *a, **k): return cls()\n"
    program += "    @classmethod\n    def register_for_auto_class(cls, *a): pass\n"
    (folder / "t.py").write_text(program)
    names = {"tokenizer_class": "T", "auto_map": {"AutoTokenizer": ["t.T", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return folder


def refused(folder: Path, key: str, **card: Any) -> None:
    card = {"name": "x", "path": str(folder)} | card
    with pytest.raises(BadInput) as told:
        load(ClipCard(**card), torch.device("cpu"), torch.float32)
    message = str(told.value)
    assert key in message and str(folder) in message and "\n" not in message
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        {"hf_tokenizer_name": "x", "tokenizer_kwargs": {"trust_remote_code": True}},
        {"tokenizer_kwargs": {"trust_remote_code": True}},
    ],
)
def test_a_tokenizers_code_is_refused_by_its_key(text, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    refused(folder_of(tmp_path, about(text_cfg=TEXT | text)), "tokenizer_kwargs")


def test_code_named_beside_a_plain_tokenizer_does_not_run_either(tmp_path):
    folder = folder_of(tmp_path, about(text_cfg=TEXT | {"hf_tokenizer_name": "x"}))
    (folder / "tokenizer.json").write_text("{}")
    refused(folder, "auto_map")


def test_an_architecture_is_a_name_of_open_clips_and_no_folder(tmp_path):
    """A record may give a card any text: `local-dir:` in it would be another folder."""
    text = TEXT | {"hf_tokenizer_name": "x", "tokenizer_kwargs": {"trust_remote_code": True}}
    folder = folder_of(tmp_path, about(text_cfg=text))
    arch, weights = f"local-dir:{folder}", str(folder / "open_clip_model.safetensors")
    refused(folder, "no architecture", arch=arch, path=weights)


@pytest.mark.parametrize(
    "settings, key",
    [
        (about(text_cfg=TEXT | {"hf_model_name": "roberta-base"}), "hf_model_name"),
        (about(vision_cfg={"timm_model_name": "local-dir:/x"}), "timm_model_name"),
        (about(vision_cfg={"timm_model_name": "hf-hub:a/b"}), "timm_model_name"),
        (about(vision_cfg=VISION | {"layers": 10_000_000}), "vision_cfg.layers"),
        (about(text_cfg=TEXT | {"layers": 10_000_000}), "text_cfg.layers"),
        (about(vision_cfg=VISION | {"width": 16384}), "numbers"),
        (about(vision_cfg=VISION | {"layers": [100] * 4, "width": 2048}), "numbers"),
        (about(text_cfg=TEXT | {"vocab_size": 4_000_000}), "numbers"),
        (about(vision_cfg=VISION | {"image_size": 2048, "patch_size": 1}), "image_size"),
        (about(vision_cfg=VISION | {"layers": True}), "vision_cfg.layers"),
        (about(vision_cfg=VISION | {"layer": 1}), "did you mean 'layers'"),
        (about(embed_dim="24"), "embed_dim"),
        (about(text_cfg=[]), "text_cfg"),
        ({"model_cfg": None}, "model_cfg"),
        (about() | {"preprocess_cfg": {"mean": ["a"] * 3}}, "mean"),
        (about() | {"preprocess_cfg": {"std": [0, 1, 1]}}, "std"),
    ],
)
def test_what_it_may_not_say_is_refused_before_anything_is_built(settings, key, tmp_path):
    (tmp_path / "open_clip_model.safetensors").write_bytes(bytes(100_000))
    (tmp_path / "open_clip_config.json").write_text(json.dumps(settings))
    with pytest.raises(BadInput) as told:
        ClipCard(name="x", path=str(tmp_path)).missing()
    assert key in str(told.value) and str(tmp_path) in str(told.value)


def test_every_architecture_of_open_clips_that_reads_no_other_is_taken(tmp_path):
    registry = pytest.importorskip("guided.models.open_clip_registry")
    with (tmp_path / "open_clip_model.safetensors").open("wb") as file:
        file.truncate(1 << 40)
    for arch in registry.architectures():
        described = registry.describe(arch)
        if described["text_cfg"].get("hf_model_name"):
            continue
        (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": described}))
        model, _ = open_clip_settings(tmp_path)
        assert model["embed_dim"] == described["embed_dim"]


@pytest.mark.parametrize(
    "settings, key",
    [
        ({"auto_map": {"AutoModel": "t.T"}}, "auto_map"),
        ({"text_config": {"auto_map": {"AutoModel": "t.T"}}}, "text_config.auto_map"),
        ({"quantization_config": {"quant_method": "x"}}, "quantization_config"),
        ({"vision_config": {"num_hidden_layers": 10_000_000}}, "num_hidden_layers"),
        ({"text_config": {"hidden_size": 16384}}, "numbers"),
        ({"text_config": {"hidden_act": "os.system"}}, "hidden_act"),
    ],
)
def test_a_chinese_clip_is_held_to_the_same(settings, key, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(bytes(1000))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "chinese_clip"} | settings))
    with pytest.raises(BadInput) as told:
        chinese_settings(tmp_path)
    assert key in str(told.value) and str(tmp_path) in str(told.value)
