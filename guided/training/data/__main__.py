"""Runs the preparation of the data: python -m guided.training.data setting=value ..."""

from guided.training.common.settings import main
from guided.training.data.prepare import Settings, build

if __name__ == "__main__":
    main(Settings, build)
