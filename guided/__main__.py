"""Run the program as a module: python -m guided prompt="a red heart"."""

import sys

from guided.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
