"""Trains the judge: a CLIP that only measures. Another architecture, another seed and other
renderings of the same things than the CLIPs that guide, and harder views of them.

    python -m guided.training.clip.judge minutes=60

What it learns from, guidance never sees, and what guidance learns from, it is measured on
(`learner` in sources.yaml). Everything else is guided.training.clip.train.
"""

from __future__ import annotations

from dataclasses import dataclass

from guided.training.clip import train
from guided.training.common.settings import main


@dataclass
class Settings(train.Settings):
    tower: str = "judge"
    out: str = "runs/judge"
    minutes: float = 60.0
    fade: float = 0.3
    seed: int = 17


if __name__ == "__main__":
    main(Settings, train.train)
