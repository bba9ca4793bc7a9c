"""CLIPs of the hub, against a small hub on this machine."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import LocalEntryNotFoundError

from guided.clip.model import load
from guided.compat.open_clip import import_late
from guided.errors import BadInput
from guided.models import hub, open_clip_registry
from guided.models.cards import ClipCard
from guided.models.download import fetch_clip
from tests.doubles import randomised

import_late()
CHINESE = ClipCard(name="chinese", arch="chinese_clip", hub="OFA-Sys/small")
TAG = ClipCard(name="tag", arch="ViT-B-32", tag="openai", hub="timm/small")


class Hub(BaseHTTPRequestHandler):
    """Serves /owner/name/resolve/main/file as the hub does, from `server.files`."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        body = self.answer()
        self.server.sent.append(self.path)
        self.wfile.write(body)

    def answer(self) -> bytes:
        repository, _, file = self.path.strip("/").partition("/resolve/main/")
        body = self.server.files.get((repository, file))
        self.send_response(200 if body is not None else 404)
        self.send_header("X-Repo-Commit", "a" * 40)
        if body is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        body = body or b""
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch, tmp_path) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files, server.sent = {}, []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    yield server
    server.shutdown()
    server.server_close()


def put_chinese(server, folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"一颗红心"]
    tower = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
    config = transformers.ChineseCLIPConfig(
        text_config=dict(**tower, vocab_size=len(words), max_position_embeddings=60),
        vision_config=dict(**tower, image_size=32, patch_size=16),
        projection_dim=8,
    )
    model = randomised(transformers.ChineseCLIPModel(config))
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    for name in ("config.json", "vocab.txt", "pytorch_model.bin"):  # as the real ones have it
        server.files["OFA-Sys/small", name] = (folder / name).read_bytes()


def test_a_chinese_clip_is_fetched_once_and_then_needs_no_network(server, tmp_path) -> None:
    put_chinese(server, tmp_path)
    assert "is not here" in CHINESE.missing()
    fetch_clip(CHINESE)
    assert CHINESE.missing() is None
    sent = list(server.sent)
    fetch_clip(CHINESE)
    server.shutdown()
    clip = load(CHINESE, torch.device("cpu"), torch.float32)
    assert clip.encode_text(["一颗红心"]).shape == (1, 8)
    assert server.sent == sent


def test_the_safer_of_two_files_is_taken(server) -> None:
    server.files["timm/small", "open_clip_model.safetensors"] = b"safe"
    server.files["timm/small", "open_clip_pytorch_model.bin"] = b"pickled"
    fetch_clip(TAG)
    assert TAG.cached().read_bytes() == b"safe"
    assert len(server.sent) == 1


def test_the_other_is_taken_when_it_is_the_only_one(server) -> None:
    server.files["timm/small", "open_clip_pytorch_model.bin"] = b"pickled"
    fetch_clip(TAG)
    assert TAG.cached().read_bytes() == b"pickled"


def test_weights_without_a_tag_are_fetched_from_the_place_that_their_card_names(server) -> None:
    base = "laion2b_s34b_b79k"
    card = ClipCard(name="own", arch="ViT-B-32", base=base, hub="owner/own/weights.pt")
    server.files["owner/own", "weights.pt"] = b"pickled"
    fetch_clip(card)
    assert card.cached().read_bytes() == b"pickled" and card.missing() is None


def test_a_tag_may_name_its_file(server) -> None:
    card = ClipCard(name="v", arch="ViTamin-S", tag="datacomp1b", hub="a/b/pytorch_model.bin")
    server.files["a/b", "pytorch_model.bin"] = b"pickled"
    fetch_clip(card)
    assert card.cached().read_bytes() == b"pickled"


@pytest.mark.parametrize("complete", [True, False])
def test_a_multilingual_one_needs_its_text_towers_files_too(server, complete) -> None:
    pytest.importorskip("transformers")
    card = ClipCard(
        name="many", arch="xlm-roberta-base-ViT-B-32", tag="laion5b_s13b_b90k", hub="laion/small"
    )
    server.files["laion/small", "open_clip_pytorch_model.bin"] = b"pickled"
    if not complete:
        with pytest.raises(BadInput, match="does not have all of it"):
            fetch_clip(card)
        return
    (repository,) = card.texts()
    for name in ("config.json", "tokenizer.json"):
        server.files[repository, name] = json.dumps({}).encode()
    fetch_clip(card)
    assert card.missing() is None


@pytest.mark.parametrize(
    ("arch", "tag"),
    [
        ("xlm-roberta-base-ViT-B-32", "laion5b_s13b_b90k"),  # a tower of transformers
        ("ViT-B-16-SigLIP2", "webli"),  # a tokenizer of transformers only
    ],
)
def test_a_download_that_was_interrupted_is_seen_and_goes_on(server, arch, tag) -> None:
    pytest.importorskip("transformers")
    card = ClipCard(name="many", arch=arch, tag=tag, hub="laion/small")
    (repository,) = card.texts()
    server.files["laion/small", "open_clip_model.safetensors"] = b"weights"
    server.files[repository, "config.json"] = b"{}"
    server.files[repository, "tokenizer.json"] = b"[]"
    hub.fetch("laion/small", hub.WEIGHTS)
    hub.fetch(repository, (hub.DESCRIPTION,))  # and no further
    assert "is not here" in card.missing()
    fetch_clip(card)
    assert card.missing() is None
    sent = [path for path in server.sent if "/resolve/" in path]
    assert len(sent) == len(set(sent)) == 3  # nothing was fetched twice


@pytest.mark.parametrize(
    ("arch", "whole"), [("ViT-B-16-SigLIP2", True), ("mt5-base-ViT-B-32", False)]
)
def test_a_text_tower_needs_its_description_and_a_mere_tokenizer_does_not(
    server, arch, whole
) -> None:
    pytest.importorskip("transformers")
    (found,) = open_clip_registry.text_repositories(arch).items()
    server.files[found[0], "tokenizer.json"] = b"{}"
    hub.fetch(found[0], hub.TOKENIZERS)
    assert hub.has_text(*found) is whole


def test_a_hub_that_has_nothing_or_does_not_answer_is_bad_input(server, monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between huggingface_hub's tries
    with pytest.raises(BadInput, match="does not have all of it"):
        fetch_clip(TAG)
    server.shutdown()
    server.server_close()
    with pytest.raises(BadInput, match="HF_ENDPOINT"):
        fetch_clip(TAG)


def test_nobody_is_asked_in_the_offline_room(server) -> None:
    with hub.offline():
        assert constants.HF_HUB_OFFLINE
        with pytest.raises(LocalEntryNotFoundError):
            hub.fetch("timm/small", hub.WEIGHTS)
    assert not constants.HF_HUB_OFFLINE
    assert server.sent == []


def test_a_file_larger_than_such_files_are_is_not_fetched(server, monkeypatch) -> None:
    server.files["timm/small", "open_clip_model.safetensors"] = b"x" * 2_000_000
    monkeypatch.setattr(hub, "LARGEST_WEIGHTS", 1)
    with pytest.raises(BadInput, match=r"clip=tag: timm/small/.* has 2 MB, more than the 1 allow"):
        fetch_clip(TAG)
    assert server.sent == []


def test_a_file_larger_than_the_free_disk_is_not_fetched(server, monkeypatch) -> None:
    server.files["timm/small", "open_clip_model.safetensors"] = b"x" * 2_000_000
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=1_500_000))
    with pytest.raises(BadInput, match=r"clip=tag: .* needs 2 MB and .* has 2 MB left; HF_HUB_C"):
        fetch_clip(TAG)
    assert server.sent == []
