"""Trains the judge, a CLIP for evaluation only: another architecture, seed and renderings of the
same concepts than the guiding CLIPs, and harder augmentation.

    python -m guided.training.clip.judge minutes=60

The guiding CLIPs never see its training pictures, and it is tested on theirs (`learner` in
sources.yaml).
"""

from __future__ import annotations

from dataclasses import dataclass

from guided.training.clip import train
from guided.training.common.settings import main


@dataclass
class Settings(train.Settings):
    """The settings of the judge's training."""

    tower: str = "judge"
    out: str = "runs/judge"
    minutes: float = 60.0
    fade: float = 0.3
    seed: int = 17


if __name__ == "__main__":
    main(Settings, train.train)
