"""One of several processes on a folder: python -m guided.batch.device_process FOLDER DEVICE"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from guided.batch import worker
from guided.config import interpolation, schema
from guided.config.composition import Composer
from guided.config.messages import BAD, say
from guided.runs.manifest import Manifest


def main(folder: str, device: str, *more: str) -> int:
    logging.basicConfig(format=f"%(levelname)s: {device}: %(message)s", level=logging.WARNING)
    schema.register()
    interpolation.forget_environment()
    try:
        path = Path(folder)
        composer = Composer.kept(Manifest.read(path).base)
        bench = worker.Bench(path, composer, [f"device={device}"], alone=False)
        worker.work(bench, "debug" in more)
    except KeyboardInterrupt:
        return 130
    except BAD as error:
        print(f"error: {say(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
