"""Graphs of ComfyUI: its `prompt`, {id: {class_type, inputs}}, and its `workflow`, with nodes and
links."""

from collections import deque
from collections.abc import Iterator
from typing import Any

WIDGETS = {  # the order of a workflow's values by the type of node
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"),
    "RandomNoise": ("noise_seed",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
}
TEXTS = ("text", "text_g", "t5xxl", "prompt", "string", "value")
PROMPTS, NEGATIVES = (*TEXTS, "positive"), (*TEXTS, "negative")  # of loaders that encode too
WIDTHS, HEIGHTS = ("width", "empty_latent_width"), ("height", "empty_latent_height")
NOTHING = ("ConditioningZeroOut",)  # what comes out has nothing of what goes in
Graph = dict[str, dict[str, Any]]  # inputs by the node's id; "class_type" among them


def settings(data: Any) -> dict[str, Any] | None:
    """Return the settings of a graph under their names in it; None if it is none."""
    graph = of_prompt(data) or of_workflow(data)
    if not graph:
        return None
    samplers = [
        n for n in graph.values() if is_link(n.get("positive")) or is_link(n.get("guider"))
    ]
    ends = [node for node in samplers if "latent_image" in node] or samplers
    end = ends[0] if ends else {}
    guider = end.get("guider")
    asks = graph.get(str(guider[0]), end) if guider and is_link(guider) else end
    found = {
        "prompt": first(graph, [asks.get("positive") or asks.get("conditioning")], PROMPTS, str),
        "negative_prompt": first(graph, [asks.get("negative")], NEGATIVES, str),
        "seed": first(graph, [end], ("seed", "noise_seed"), int),
        "steps": first(graph, [end], ("steps",), int),
        "width": first(graph, [end.get("latent_image")], WIDTHS, int),
        "height": first(graph, [end.get("latent_image")], HEIGHTS, int),
    }
    rest = {name: value for node in graph.values() for name, value in node.items()}
    known = {*found, *PROMPTS, *NEGATIVES, *WIDTHS, *HEIGHTS, "noise_seed", "class_type"}
    rest = {k: v for k, v in rest.items() if k not in known and not is_link(v)}
    return {k: v for k, v in found.items() if v is not None} | rest


def of_prompt(data: Any) -> Graph | None:
    """Return the graph of ComfyUI's `prompt`."""
    if isinstance(data, dict) and isinstance(data.get("prompt"), dict):
        data = data["prompt"]  # as it is sent to its server
    if not isinstance(data, dict) or not data:
        return None
    nodes = {str(name): node for name, node in data.items() if is_node(node)}
    if not nodes:
        return None
    return {
        name: {**node["inputs"], "class_type": node["class_type"]} for name, node in nodes.items()
    }


def is_node(node: Any) -> bool:
    """Return whether it is a node of ComfyUI's `prompt`."""
    return isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)


def of_workflow(data: Any) -> Graph | None:
    """Return the graph of ComfyUI's `workflow`."""
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
        return None
    if not isinstance(data.get("links"), list):
        return None
    rows = [link for link in data["links"] if isinstance(link, list) and len(link) >= 4]
    sources = {str(link[0]): [str(link[1]), link[2]] for link in rows}
    graph: Graph = {}
    for node in data["nodes"]:
        if isinstance(node, dict) and "type" in node:
            values = node.get("widgets_values")
            graph[str(node.get("id"))] = {
                **widgets(str(node["type"]), values),
                **{str(i.get("name")): sources[str(i.get("link"))] for i in inputs(node, sources)},
                "class_type": node["type"],
            }
    return graph


def inputs(node: dict[str, Any], sources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the inputs of a workflow's node that are linked."""
    listed = node.get("inputs")
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and str(one.get("link")) in sources:
            yield one


def widgets(kind: str, values: Any) -> dict[str, Any]:
    """Return the values of a workflow's node by name."""
    if isinstance(values, dict):
        return values
    if not isinstance(values, list):
        return {}
    names = WIDGETS.get(kind)
    if names is None and "Latent" in kind:
        names = ("width", "height")
    elif names is None and values and isinstance(values[0], str) and "Text" in kind:
        names = ("text",)
    return {name: value for name, value in zip(names or (), values, strict=False) if name}


def is_link(value: Any) -> bool:
    """Return whether an input comes from another node."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)


def first(graph: Graph, starts: list[Any], names: tuple[str, ...], kind: type) -> Any:
    """Return the first value of that name and type in the nodes from which an input comes, nearest
    first; None if there is none."""
    waiting, seen = deque(starts), set[str]()
    while waiting:
        node = waiting.popleft()
        if is_link(node):
            name = str(node[0])
            node = graph.get(name) if name not in seen else None
            seen.add(name)
        if not isinstance(node, dict) or node.get("class_type") in NOTHING:
            continue
        for name in names:
            value = node.get(name)
            if isinstance(value, kind) and not isinstance(value, bool) and value != "":
                return value
        waiting.extend(value for value in node.values() if is_link(value))
    return None
