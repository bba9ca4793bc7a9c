"""Lines for whoever reads what the program prints."""

import os
import sys


def tell(text: str) -> None:
    """Print, also where the reader has left (`| head -1`): the run goes on."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)
