"""The program's entry point: python run.py, python -m guided and the command `guided`.

Imports nothing heavy before Ctrl-C ends the program without a traceback."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from guided import search_path
from guided.compat.collecting import uncollected

if TYPE_CHECKING:
    from collections.abc import Callable

    from guided.config.overrides import Override


def hydra_job() -> Callable[[], None]:
    """Return the function by which Hydra composes the configuration and runs `guided.cli.main`,
    which is told how to serve."""
    import hydra

    from guided.cli import main as cli
    from guided.paths import conf_folder

    cli.SERVERS |= {"studio": serve_studio, cli.ASSISTANTS: serve_assistants}
    job = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
    return job(cli.run)


def serve_studio(words: list[Override], flags: list[str]) -> None:
    """Serve the studio until it is told to end."""
    from guided.studio import settings

    chosen, base = settings.read(words)
    settings.check_installed(("starlette", "uvicorn"), "studio=")
    from guided.studio import opening, server
    from guided.studio.app import create

    token = settings.token()
    studio = opening.opened(base, flags, chosen.webhooks)
    studio.dispatcher.hold()
    with server.listening(chosen) as sock:
        port = sock.getsockname()[1]
        app = create(studio, opening.guard_of(chosen, port, token))
        address = server.address_of(chosen, port, token)
        server.serve(app, studio.root, sock, address, token, chosen.opens, studio.close)


def serve_assistants(words: list[Override], flags: list[str]) -> None:
    """Serve tools for assistants until standard input ends."""
    from guided.studio import settings

    _, base = settings.read(words)
    settings.check_installed(("mcp", "starlette"), "guided mcp")
    from guided.studio import mcp_server, opening

    mcp_server.run(opening.opened(base, flags))


def main() -> int:
    """Run the command line in sys.argv and return the exit code."""
    search_path.restrict()
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.SIG_DFL:  # as run.py has set it
        interrupt = signal.default_int_handler
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are imported
    with uncollected():
        from guided import console
        from guided.cli import answers

    console.fill_standard_streams()
    if (code := answers.answered(sys.argv[1:])) is not None:
        return code
    with uncollected():
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
