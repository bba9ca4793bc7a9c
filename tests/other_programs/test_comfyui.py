"""Graphs of ComfyUI are followed from the sampler to the texts, whatever is between."""

import copy

import pytest

from guided.other_programs.comfyui import settings
from tests.other_programs import samples


@pytest.mark.parametrize(
    ("graph", "negative"),
    [(samples.GRAPH, samples.NEGATIVE), (samples.FLUX, None), (samples.WORKFLOW, samples.NEGATIVE),
     (samples.ZEROED, None)],
)  # fmt: skip
def test_the_sampler_leads_to_its_settings(graph, negative):
    found = settings(graph)
    taken = [
        found.get(k) for k in ("prompt", "negative_prompt", "seed", "steps", "width", "height")
    ]
    assert taken == [samples.PROMPT, negative, 7, 25, 512, 448]


def test_an_empty_negative_prompt_is_none_and_what_is_not_reached_does_not_count():
    graph = copy.deepcopy(samples.GRAPH)
    graph["7"]["inputs"]["text"] = ""
    graph["0"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "elsewhere"}}
    found = settings(graph)
    assert (found["prompt"], "negative_prompt" in found) == (samples.PROMPT, False)
    assert found["ckpt_name"] == "x.safetensors"  # of the rest, which is listed


def test_a_loader_that_encodes_too():
    graph = {
        "1": {"class_type": "KSampler (Efficient)", "inputs": {
            "seed": 7, "steps": 25, "positive": ["2", 1], "negative": ["2", 2],
            "latent_image": ["2", 3]}},
        "2": {"class_type": "Efficient Loader", "inputs": {
            "positive": "a fox", "negative": "fog", "empty_latent_width": 512,
            "empty_latent_height": 448}},
    }  # fmt: skip
    found = settings(graph)
    assert (found["prompt"], found["negative_prompt"]) == ("a fox", "fog")
    assert (found["seed"], found["width"], found["height"]) == (7, 512, 448)


def test_a_circle_of_nodes_has_an_end():
    graph = copy.deepcopy(samples.GRAPH)
    graph["6"]["inputs"] = {"text": ["10", 0], "clip": ["10", 0]}
    graph["10"] = {"class_type": "Reroute", "inputs": {"": ["6", 0]}}
    assert "prompt" not in settings(graph)


@pytest.mark.parametrize(
    "data", [{}, [], None, {"a": 1}, {"nodes": [], "links": []}, {"prompt": "x"}]
)
def test_what_is_no_graph_has_no_settings(data):
    assert settings(data) is None
