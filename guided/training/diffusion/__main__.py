"""Runs the training of a diffusion model: python -m guided.training.diffusion setting=value ..."""

from guided.training.common.settings import main
from guided.training.diffusion.train import Settings, train

if __name__ == "__main__":
    main(Settings, train)
