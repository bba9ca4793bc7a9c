"""The kinds of settings that `_target_` may name in YAML, and the names that they had before.

Pictures and users' own YAML keep these short names, so that a class may move within the package.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any


def of_generators() -> dict[str, str]:
    """Return the kinds of generators' settings and cards, which the names of their folders and
    modules say: generators/NAME/settings.py has Name, and card.py, if there is one, NameCard."""
    found = {}
    folder = Path(__file__).parents[1] / "generators"
    for name in (one.name for one in iter_modules([str(folder)]) if one.ispkg):
        place = f"guided.generators.{name}"
        found[f"generator/{name}"] = f"{place}.settings.{name.capitalize()}"
        if find_spec(f"{place}.card"):
            found[f"model/{name}"] = f"{place}.card.{name.capitalize()}Card"
    return found


# Kind -> class. A class of the package that is not listed is named by its path, `guided....`.
KINDS = {
    "animate/film": "guided.animation.settings.Animation",
    "artist": "guided.prompts.styles.Artist",
    "look": "guided.prompts.styles.Style",
    "batch/rows": "guided.batch.rows.Preset",
    "clip/card": "guided.models.cards.ClipCard",
    "model/card": "guided.models.cards.ModelCard",
    "model/jit": "guided.models.jit.JiTCard",
    "secondary/card": "guided.models.cards.SecondaryCard",
    "secondary/latent": "guided.generators.latent.card.DecoderCard",
    "cutouts/standard": "guided.cutouts.settings.Cutouts",
    "cutouts/disco": "guided.cutouts.settings.DiscoCutouts",
    "guide/clip": "guided.guides.clip.ClipGuide",
    "guide/likeness": "guided.guides.likeness.Likeness",
    "guide/palette": "guided.guides.palette.Palette",
    "guide/range": "guided.guides.regularisers.Range",
    "guide/saturation": "guided.guides.regularisers.Saturation",
    "guide/smooth": "guided.guides.regularisers.Smooth",
    "output/cuts": "guided.outputs.cuts.Cuts",
    "output/explain": "guided.outputs.explain.Explain",
    "output/metrics": "guided.outputs.metrics.Metrics",
    "output/progress": "guided.outputs.progress.Progress",
    "output/sheet": "guided.outputs.sheet.Sheet",
    "output/steps": "guided.outputs.steps.Steps",
    "output/still": "guided.outputs.still.Still",
    "output/video": "guided.outputs.video.Video",
    "sampler/ddim": "guided.diffusion.samplers.DDIM",
    "sampler/ddpm": "guided.diffusion.samplers.DDPM",
    "sampler/dpm_solver": "guided.diffusion.multistep_samplers.DPMSolver",
    "sampler/plms": "guided.diffusion.multistep_samplers.PLMS",
    **of_generators(),
}
# Class paths that version 0.1 wrote into pictures, where they differ from today's.
OLD = {
    "guided.batch.preset.Preset": "batch/rows",
    "guided.batch.row_presets.Preset": "batch/rows",
    "guided.cutouts.Cutouts": "cutouts/standard",
    "guided.dango.Dango": "cutouts/disco",
    "guided.diffusion.multistep.DPMSolver": "sampler/dpm_solver",
    "guided.diffusion.multistep.PLMS": "sampler/plms",
    "guided.generators.diffusion.Diffusion": "generator/diffusion",
    "guided.guides.range.Range": "guide/range",
    "guided.guides.saturation.Saturation": "guide/saturation",
    "guided.guides.smooth.Smooth": "guide/smooth",
    "guided.styles.Artist": "artist",
    "guided.styles.Style": "look",
}
KIND_OF = {path: kind for kind, path in KINDS.items()} | OLD


def kind_of(target: str) -> str:
    """Return today's name of a `_target_`: its kind, or the path itself where it has none."""
    return KIND_OF.get(target, target)


def path_of(target: str) -> str:
    """Return the path of the class that a `_target_` names, by its kind or any path it had."""
    kind = kind_of(target)
    return KINDS.get(kind, kind)


def renamed(node: Any) -> Any:
    """Return plain data with every `_target_` in it by today's name."""
    if isinstance(node, dict):
        return {
            key: kind_of(inside)
            if key == "_target_" and isinstance(inside, str)
            else renamed(inside)
            for key, inside in node.items()
        }
    return [renamed(inside) for inside in node] if isinstance(node, list) else node
