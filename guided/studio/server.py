"""studio=: the server of the studio, until Ctrl-C."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from guided.console import tell
from guided.errors import BadInput
from guided.runs import files
from guided.studio import settings
from guided.studio.places import SERVER, studio_folder
from guided.studio.settings import StudioSettings

App = Callable[[Any, Any, Any], Awaitable[None]]
SWITCH = 0.001  # seconds after which a thread that composes lets a request be answered
GRACE = 2  # seconds for requests that are being answered when the server ends


def serve(
    app: App,
    root: Path,
    sock: socket.socket,
    address: str,
    token: str,
    opens: bool,
    closing: Callable[[], None],
) -> None:
    """Serve an app on a socket until the process is told to end; then `closing` is called, to end
    answers that have no end of their own. `opens`: a browser is opened too."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            closing()
            super().handle_exit(sig, frame)

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        server_header=False,
        lifespan="on",
        ws="none",
    )
    server = Server(config)
    sys.setswitchinterval(SWITCH)
    note = note_of(root, address, token)
    threading.Thread(target=announce, args=[server, address, opens], daemon=True).start()
    try:
        server.run(sockets=[sock])
    finally:
        with suppress(OSError):
            note.unlink()


def listening(chosen: StudioSettings) -> socket.socket:
    """Return a socket that listens where the settings say. BadInput if the port is taken."""
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((chosen.host, chosen.port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        other = chosen.port + 1 if chosen.port < 65_535 else settings.PORT
        raise BadInput(
            f"studio={chosen.port}: {chosen.host} cannot be listened on: "
            f"{error.strerror or error}; studio={other} is another port"
        ) from error
    return sock


def address_of(chosen: StudioSettings, port: int, token: str) -> str:
    """Return the address to open."""
    host = chosen.host if chosen.host not in ("0.0.0.0", "::") else socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/" + ("" if chosen.is_local else f"?token={token}")


def note_of(root: Path, address: str, token: str) -> Path:
    """Write where the server is, for programs of the same user, and return the file."""
    folder = studio_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        folder.chmod(0o700)
    path = folder / SERVER
    note = {"address": address.partition("?")[0], "token": token, "pid": os.getpid()}
    files.write(path, json.dumps(note).encode())
    with suppress(OSError):
        path.chmod(0o600)
    return path


def announce(server: Any, address: str, opens: bool) -> None:
    """Print the address, and open it in a browser, once the server answers."""
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.05)
    tell(f"studio: {address}")
    if opens:
        webbrowser.open(address)
