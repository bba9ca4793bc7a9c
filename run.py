# ruff: noqa: E402
"""Draws what a sentence says: python run.py prompt="a red heart"; --help shows the rest.

Imports nothing heavy: --help and completion answer at once.
"""

import os
import sys

# Nothing that lies beside this file or in the current folder is imported but `guided` itself:
# torch.py may have come with somebody's pictures. Python has loaded `os` before it begins.
root = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [place for place in sys.path if os.path.realpath(place) != root]
sys.path.insert(0, os.path.join(root, "guided", "loader"))
from guided import search_path

search_path.restrict()

import hydra
from omegaconf import DictConfig

from guided.cli import main as cli_main
from guided.config import interpolation, schema


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    cli_main.run(cfg)


if __name__ == "__main__":
    schema.register()
    interpolation.forget_environment()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, to be said in one line
    sys.exit(cli_main.guard(main, sys.argv))
