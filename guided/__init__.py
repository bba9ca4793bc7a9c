"""Draws what a sentence says: a frozen diffusion model, steered by CLIP.

`generate` imports torch when it is called, not before.
"""

from typing import Any

__version__ = "0.1.0"


def generate(prompt: str | list[str], overrides: list[str] | None = None) -> list[Any]:
    """Draw and return PIL images, one for each of `count`; also saved in outputs/ as from the
    command line.

    `overrides` is what one would type behind `python run.py`: `["seed=7", "steps=50"]`.
    Raises guided.errors.BadInput before any weight is loaded when a setting is not right.
    """
    from guided.command import compose
    from guided.pipeline import draw

    return draw(compose(["prompt=" + repr_prompt(prompt), *(overrides or [])]))


def repr_prompt(prompt: str | list[str]) -> str:
    from hydra.core.override_parser.types import Quote, QuotedString

    def one(text: str) -> str:
        return QuotedString(text.replace("${", r"\${"), Quote.single).with_quotes()

    return one(prompt) if isinstance(prompt, str) else f"[{','.join(map(one, prompt))}]"
