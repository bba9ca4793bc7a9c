"""Runs the training of a CLIP: python -m guided.training.clip setting=value ..."""

from guided.training.clip.train import Settings, train
from guided.training.common.settings import main

if __name__ == "__main__":
    main(Settings, train)
