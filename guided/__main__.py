"""The program's entry point: python run.py, python -m guided and the command `guided`.

Imports nothing heavy before Ctrl-C ends the program without a traceback."""

import os
import signal
import sys
from collections.abc import Callable

from guided import search_path


def hydra_job() -> Callable[[], None]:
    """Return the function by which Hydra composes the configuration and runs `guided.cli.main`."""
    import hydra

    from guided.cli import main as cli
    from guided.paths import conf_folder

    job = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
    return job(cli.run)


def main() -> int:
    """Run the command line in sys.argv and return the exit code."""
    search_path.restrict()
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.SIG_DFL:  # as run.py has set it
        interrupt = signal.default_int_handler
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are imported
    from guided import console
    from guided.cli import answers

    console.fill_standard_streams()
    if (code := answers.answered(sys.argv[1:])) is not None:
        return code
    from guided import devices
    from guided.cli import main as cli
    from guided.config import schema
    from guided.untrusted import interpolation

    devices.wait_passively()
    schema.register()
    interpolation.forget_environment()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach `guard`, which prints one line
    job = hydra_job()
    signal.signal(signal.SIGINT, interrupt)
    return cli.guard(job, sys.argv)


if __name__ == "__main__":
    sys.exit(main())
