"""Against transformers' own class and processor, on random weights of the published shapes."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from guided.compat.open_clip import import_past_missing_operators
from guided.errors import BadInput
from guided.models import depth_anything
from guided.models.cards import DepthCard
from guided.models.depth_anything import BACKBONE, LATER

pytest.importorskip("transformers")
# model.safetensors of depth-anything/Depth-Anything-V2-Small-hf has as many.
PUBLISHED = 99_173_660  # bytes
PROCESSOR = {
    "do_resize": True,
    "size": {"height": 518, "width": 518},
    "keep_aspect_ratio": True,
    "ensure_multiple_of": 14,
    "resample": 3,
    "do_rescale": True,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


def card(folder: Path) -> DepthCard:
    return DepthCard(file=str(folder / "model.safetensors"))


def published(name: str) -> str:
    """Return the name in the published file of a tensor of transformers' class."""
    for theirs, later in LATER.items():
        name = name.replace(later, theirs)
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder as the published one, with random weights."""
    place = tmp_path_factory.mktemp("depth")
    module = import_past_missing_operators(depth_anything.MODULE)
    torch.manual_seed(0)
    config = module.DepthAnythingConfig(backbone_config=BACKBONE)
    net = module.DepthAnythingForDepthEstimation(config)
    for tensor in net.state_dict().values():
        if tensor.ndim > 1:  # so large that every layer shows in the estimates
            tensor.normal_(0, (tensor.numel() / len(tensor)) ** -0.5)
    tensors = {published(name): tensor for name, tensor in net.state_dict().items()}
    tensors["head.conv3.bias"] += 3  # so that few estimates are 0, the least
    save_file(tensors, place / "model.safetensors", {"format": "pt"})
    (place / "config.json").write_text(json.dumps(config.to_dict()))
    return place


def test_names_and_shapes_fill_a_file_of_the_published_size(folder):
    assert (folder / "model.safetensors").stat().st_size == PUBLISHED


@pytest.mark.parametrize("size", [(98, 140), (64, 64)])
def test_estimates_are_those_of_transformers(folder, size):
    depth_anything.load.cache_clear()
    module = import_past_missing_operators(depth_anything.MODULE)
    processing = import_past_missing_operators("transformers.models.dpt.image_processing_dpt")
    theirs = module.DepthAnythingForDepthEstimation.from_pretrained(folder).eval()
    dice = torch.Generator().manual_seed(2)
    coarse = torch.rand(1, 3, 7, 10, generator=dice)
    image = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    exact = {"do_rescale": False, "return_tensors": "pt"}  # of pictures in [0, 1], not rounded
    seen = processing.DPTImageProcessor(**PROCESSOR)(image, **exact)
    with torch.inference_mode():
        expected = theirs(seen["pixel_values"]).predicted_depth
    found = depth_anything.nearness(card(folder), "cpu", image)[0]
    depth_anything.load.cache_clear()
    assert found.shape == expected.shape
    assert expected.std() > 0.1
    assert (found - expected).abs().max() < 1e-3 * expected.std()


@pytest.mark.parametrize(
    ("size", "seen"),
    [((512, 512), (518, 518)), ((480, 640), (518, 686)), ((768, 1280), (518, 868))],
)
def test_one_side_is_resized_to_518_and_both_are_multiples_of_14(size, seen):
    assert depth_anything.seen_size(size) == seen


def test_other_weights_are_refused(tmp_path):
    save_file({"head.conv1.weight": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(BadInput):
        depth_anything.nearness(card(tmp_path), "cpu", torch.rand(1, 3, 28, 28))
