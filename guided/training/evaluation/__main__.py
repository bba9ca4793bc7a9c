"""Runs the evaluation: python -m guided.training.evaluation setting=value ..."""

from guided.training.common.settings import main
from guided.training.evaluation.evaluate import Settings, evaluate

if __name__ == "__main__":
    main(Settings, evaluate)
