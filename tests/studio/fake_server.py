"""A server with the studio's API (docs/studio-api.md) that draws nothing: for tests of the page.

Predictions wait until a test lets them go on, so that tests decide what a person sees when.
"""

from __future__ import annotations

import io
import json
import queue
import re
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image

import guided

PACKAGE = Path(guided.__file__).parent
FOLDERS = {"page": PACKAGE / "studio" / "page", "shared": PACKAGE / "gallery" / "page"}
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".webp": "image/webp",
}
POLICY = "default-src 'self'; img-src 'self' blob: data:"
STEPS = 5


def setting(name: str, type: str = "text", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "section": "picture",
        "help": f"help of {name}",
        "type": type,
        "nullable": True,
        "default": None,
        "minimum": None,
        "maximum": None,
        "allowed": "",
        "choices": None,
        "several": False,
        "schedule": False,
        "file": False,
        "needs": None,
        **changes,
    }


def choice(name: str, en: str = "", zh: str = "") -> dict[str, Any]:
    return {"name": name, "about": "", "label": {"en": en, "zh": zh} if en else {}, "kind": ""}


SCHEMA = {
    "version": "0",
    "settings": [
        setting("prompt"),
        setting("negative"),
        setting("image_prompt", "text", file=True, several=True),
        setting("seed", "integer", minimum=0),
        setting("count", "integer", default=1, minimum=1, maximum=10000),
        setting("size", "any", allowed="[width, height], as in size=[768,512], or size=512"),
        setting("steps", "integer", minimum=1, maximum=4096),
        setting("init", file=True),
        setting("mask", file=True),
        setting("regions", "any"),
        setting("strength", "number", schedule=True),
        setting("init_fit", "choice", default="cover", choices=["cover", "stretch"]),
        setting("model", "choice", section="model", default="embedded"),
        setting("artist", "choice", section="artist", default=[], several=True),
        setting("look", "choice", section="look", default=[], several=True),
        setting("sampler", "choice", section="sampler", default="ddim"),
        setting(
            "sampler.eta",
            "number",
            section="sampler",
            default=0.8,
            minimum=0,
            maximum=1,
            allowed="a number from 0 to 1",
            needs={"group": "sampler", "name": "ddim"},
        ),
        setting(
            "sampler.eta",
            "number",
            section="sampler",
            default=0.5,
            needs={"group": "sampler", "name": "dpmpp_2m"},
        ),
        setting("animate", "choice", section="animate"),
        setting("frames", "integer", minimum=1),
        setting("fps", "number", minimum=1),
        setting("guide.clip.scale", "number", section="guide", default=2000, schedule=True),
        setting("output.still.enlarge", "integer", section="output", default=1),
    ],
    "choices": {
        "model": [choice("embedded"), choice("imagenet512")],
        "artist": [
            choice("hokusai", "Katsushika Hokusai", "葛饰北斋"),
            choice("turner", "J. M. W. Turner", "透纳"),
        ],
        "look": [
            choice("fine"),
            choice("woodcut") | {"manner": "woodblock print"},
            choice("bronze") | {"colours": ["#1f1a12", "#6b4f2a", "#5f8f7a"]},
        ],
        "sampler": [choice("ddim"), choice("dpmpp_2m"), choice("plms")],
        "animate": [choice("2d"), choice("slow_zoom")],
    },
}


def image(seed: int, size: tuple[int, int], kind: str = "WEBP") -> bytes:
    """A plain picture, whose colour tells its number."""
    buffer = io.BytesIO()
    colour = (40 + seed * 37 % 180, 40 + seed * 91 % 180, 40 + seed * 53 % 180)
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


class Studio:
    """The state of the server. `pictures` are the finished ones, the newest first."""

    def __init__(self, pictures: int = 0, token: str = "secret") -> None:
        self.token = token
        self.epoch = token
        self.pictures = [self.picture(k) for k in reversed(range(pictures))]
        self.trash: list[dict[str, Any]] = []
        self.predictions: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []  # of those in the queue
        self.paused = False
        self.uploads: dict[str, bytes] = {}
        self.film = ""  # the page of the last one that was shown
        self.presets: dict[str, Any] = {}
        self.streams: list[queue.Queue[str]] = []
        self.connections: list[socket.socket] = []
        self.sent: list[tuple[str, str, Any]] = []  # (method, path, body) of changes
        self.lock = threading.RLock()
        self.shapes = [(96, 64), (64, 64), (64, 96)]

    def picture(self, k: int, **changes: Any) -> dict[str, Any]:
        width, height = [(96, 64), (64, 64), (64, 96)][k % 3]
        return {
            "id": f"p{k}",
            "run": f"r{k // 4}",
            "prediction": None,
            "number": k % 4,
            "made": f"2026-11-{28 - k % 1000 // 100:02}T{k % 24:02}:00:00Z",
            "prompt": f"a lighthouse in the {['rain', 'sun', 'fog'][k % 3]}, number {k}",
            "unwanted": "",
            "seed": k,
            "score": 0.2 + k % 10 / 100,
            "seconds": 3.2,
            "width": width,
            "height": height,
            "artist": [["hokusai"], ["turner"], []][k % 3],
            "look": [],
            "model": ["embedded"],
            "favourite": False,
            "thumb": f"/pictures/p{k}/thumb?v=1",
            "file": f"/pictures/p{k}/file?v=1",
            "film": None,
            **changes,
        }

    def say(self, event: str, data: Any) -> None:
        for stream in self.streams:
            stream.put(f"event: {event}\ndata: {json.dumps(data)}\n\n")

    # ---- what tests do

    def begin(self, id: str) -> None:
        """The next prediction is being drawn."""
        self.order.remove(id)
        self.predictions[id] |= {"status": "processing", "position": None}
        self.number()
        self.say("state", self.predictions[id])

    def step(self, id: str, step: int) -> None:
        told = {"prediction": id, "picture": 0, "step": step}
        rest = {"steps": STEPS, "progress": step / STEPS, "seconds": 1.0}
        self.predictions[id] |= {
            "step": step,
            "progress": step / STEPS,
            "preview": f"/previews/{id}/0/{step}",
        }
        self.say("progress", told | rest | {"seconds_left": 2.0 * (STEPS - step)})
        self.say(
            "metrics", told | {"progress": step / STEPS, "similarity": 0.05 * step, "loss": {}}
        )
        self.say("preview", told | {"url": f"/previews/{id}/0/{step}"})

    def finish(self, id: str) -> dict[str, Any]:
        self.predictions[id] |= {"status": "succeeded", "progress": 1}
        k = 10_000 + len(self.pictures)
        text = self.predictions[id]["input"].get("prompt", "")
        picture = self.picture(k, prompt=text, prediction=id, made="2026-11-29T12:00:00Z")
        self.pictures.insert(0, picture)
        self.say("state", self.predictions[id])
        self.say("picture", {"id": picture["id"], "change": "made"})
        return picture

    def fail(self, id: str, why: str) -> None:
        self.predictions[id] |= {"status": "failed", "error": why}
        self.say("state", self.predictions[id])

    def number(self) -> None:
        for position, one in enumerate(self.order):
            self.predictions[one]["position"] = position
        self.say("queue", {"paused": self.paused, "order": self.order})

    # ---- answers

    def get(self, path: str, query: dict[str, list[str]]) -> Any:
        if path == "/session":
            return {
                "token": self.token,
                "version": "0",
                "epoch": self.epoch,
                "program": "python run.py",
            }
        if path == "/schema":
            return SCHEMA
        if path == "/models":
            size, rest = [128, 128], {"group": "model", "state": "here"}
            return {
                "models": [
                    {"name": "embedded", "here": True, "size": size, **rest},
                    {"name": "imagenet512", "here": False, "size": [512, 512], **rest},
                ]
            }
        if path == "/queue":
            running = [k for k, p in self.predictions.items() if p["status"] == "processing"]
            items = [self.predictions[one] for one in [*running, *self.order]]
            return {"paused": self.paused, "items": items, "workers": []}
        if path == "/predictions":
            return {"results": list(reversed(self.predictions.values()))}
        if match := re.fullmatch(r"/predictions/([\w-]+)", path):
            return self.predictions.get(match[1])
        if path == "/presets":
            return {"presets": [{"name": k, "input": v} for k, v in self.presets.items()]}
        if path == "/pictures":
            every = self.trash if "trash" in query else self.pictures
            first, count = int(query["offset"][0]), int(query["limit"][0])
            return {"total": len(every), "offset": first, "pictures": every[first : first + count]}
        if path == "/compare":
            a, b = (self.find(query[side][0]) for side in "ab")
            return {
                "a": a,
                "b": b,
                "steps": [1, 3, 5],
                "differences": [{"name": "seed", "a": a["seed"], "b": b["seed"]}],
            }
        if match := re.fullmatch(r"/pictures/(\w+)", path):
            return self.details(self.find(match[1]))
        return None

    def find(self, id: str) -> dict[str, Any]:
        return next(p for p in [*self.pictures, *self.trash] if p["id"] == id)

    def details(self, picture: dict[str, Any]) -> dict[str, Any]:
        id, seed = picture["id"], picture["seed"]
        own = {"prompt": picture["prompt"], "seed": seed, "steps": STEPS}
        return picture | {
            "input": own,
            "settings": own | {"guide": {"clip": {"scale": 2000}}},
            "command": f"python run.py from={id}",
            "steps": [
                {"step": k, "url": f"/pictures/{id}/steps/{k}"} for k in range(1, STEPS + 1)
            ],
            "curves": {"step": [1, 2, 3], "similarity": [0.1, 0.2, 0.3], "loss": [3.0, 2.0, 1.0]},
            "films": [],
        }

    def change(self, path: str, body: Any) -> tuple[int, Any]:
        if path == "/preflight":
            return self.preflight(body["input"])
        if path == "/films":
            self.film = f"<!doctype html><body>the film of {body['input']['prompt']}"
            return 201, {"id": "f", "url": "/films/f"}
        if match := re.fullmatch(r"/predictions/([\w-]+)", path):
            return 202, self.enqueue(match[1], body["input"])
        if match := re.fullmatch(r"/predictions/([\w-]+)/(cancel|resume|views)", path):
            return 200, self.command(*match.groups())
        if path == "/queue":
            if "paused" in body:
                self.paused = body["paused"]
            listed = [one for one in body.get("order", []) if one in self.order]
            self.order = listed + [one for one in self.order if one not in listed]
            self.number()
            return 200, self.get("/queue", {})
        if match := re.fullmatch(r"/presets/(\w+)(/trash)?", path):
            if match[2]:
                del self.presets[match[1]]
            else:
                self.presets[match[1]] = body["input"]
            return 200, {}
        if match := re.fullmatch(r"/pictures/(\w+)/(favourite|trash|restore)", path):
            return 200, self.picture_command(match[1], match[2], body)
        return 404, {"detail": "there is no such thing", "setting": None}

    def preflight(self, given: dict[str, Any]) -> tuple[int, Any]:
        if given.get("steps") == 0:
            line = "steps=0 must be a whole number from 1 to 4096; the nearest is 1"
            return 422, {"detail": line, "setting": "steps"}
        words = [f"{name}={json.dumps(value)}" for name, value in given.items()]
        size = given.get("size", [128, 128])
        estimate = {"seconds": 31.2, "memory_mb": 900, "basis": "measured", "before": 0}
        return 200, {
            "words": words,
            "command": " ".join(["python run.py", *words]),
            "pictures": given.get("count", 1),
            "film": {"frames": given.get("frames", 48), "fps": 12} if "animate" in given else None,
            "size": size,
            "final_size": size,
            "steps": given.get("steps", 250),
            "model": given.get("model", "embedded"),
            "clips": [],
            "warnings": [],
            "missing": "",
            "estimate": estimate,
        }

    def enqueue(self, id: str, given: dict[str, Any]) -> dict[str, Any]:
        if id not in self.predictions:
            self.predictions[id] = {
                "id": id,
                "status": "starting",
                "position": 0,
                "input": {"seed": 7} | given,
                "words": [],
                "command": "",
                "output": [],
                "pictures": [],
                "count": given.get("count", 1),
                "done": 0,
                "size": [128, 128],
                "steps": STEPS,
                "progress": 0,
                "picture": None,
                "step": None,
                "preview": None,
                "seconds_left": None,
                "error": None,
                "logs": [],
            }
            self.order.append(id)
            self.say("state", self.predictions[id])
            self.number()
        return self.predictions[id]

    def command(self, id: str, verb: str) -> dict[str, Any]:
        one = self.predictions[id]
        if verb == "cancel":
            self.order = [other for other in self.order if other != id]
            one |= {"status": "canceled", "position": None}
        elif verb == "resume":
            one |= {"status": "starting", "error": None}
            self.order.append(id)
        self.number()
        self.say("state", one)
        return one

    def picture_command(self, id: str, verb: str, body: Any) -> dict[str, Any]:
        picture = self.find(id)
        if verb == "favourite":
            picture["favourite"] = body["favourite"]
        elif verb == "trash":
            self.pictures.remove(picture)
            self.trash.insert(0, picture)
        else:
            self.trash.remove(picture)
            self.pictures.insert(0, picture)
        self.say(
            "picture",
            {"id": id, "change": {"trash": "trashed", "restore": "restored"}.get(verb, verb)},
        )
        return picture

    def file(self, path: str) -> bytes | None:
        """The bytes of a picture."""
        if match := re.fullmatch(r"/uploads/(\w+)", path):
            return self.uploads[match[1]]
        if match := re.fullmatch(r"/previews/\w+/\d+/(\d+)", path):
            return image(int(match[1]), (64, 64))
        if match := re.fullmatch(r"/pictures/(\w+)/(thumb|file|steps/\d+)", path):
            picture = self.find(match[1])
            step = int(match[2].split("/")[1]) if "/" in match[2] else 0
            return image(picture["seed"] + 100 * step, (picture["width"], picture["height"]))
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    studio: Studio

    def setup(self) -> None:
        super().setup()
        self.studio.connections.append(self.connection)

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def json(self, status: int, data: Any) -> None:
        self.answer(status, json.dumps(data).encode(), "application/json")

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/events":
            return self.events()
        if address.path == "/" or address.path.split("/")[1] in FOLDERS:
            return self.page(address.path)
        if address.path == "/films/f":
            return self.answer(200, self.studio.film.encode(), "text/html")
        with self.studio.lock:
            data = self.studio.get(address.path, parse_qs(address.query))
            found = None if data is not None else self.studio.file(address.path)
        if found is not None:
            self.answer(200, found, "image/png" if found[:4] == b"\x89PNG" else "image/webp")
        else:
            self.json(
                *(200, data) if data is not None else (404, {"detail": "there is no such thing"})
            )

    def page(self, path: str) -> None:
        folder, _, name = path.strip("/").partition("/")
        file = FOLDERS[folder] / name if folder else FOLDERS["page"] / "index.html"
        if not file.is_file():
            return self.json(404, {"detail": "there is no such thing"})
        self.answer(200, file.read_bytes(), TYPES[file.suffix])

    def events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        stream: queue.Queue[str] = queue.Queue()
        self.studio.streams.append(stream)
        stream.put(f"id: 1\nevent: hello\ndata: {json.dumps({'epoch': self.studio.epoch})}\n\n")
        if self.headers["Last-Event-ID"]:
            stream.put("event: reset\ndata: {}\n\n")
        try:
            while (text := stream.get()) != "end":
                self.wfile.write(text.encode())
                self.wfile.flush()
        except OSError:
            pass
        self.close_connection = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["X-Studio-Token"] != self.studio.token:
            return self.json(401, {"detail": "the token is wrong", "setting": None})
        with self.studio.lock:
            if self.path.startswith("/uploads"):
                return self.upload(body)
            data = json.loads(body) if body else None
            if self.path != "/preflight":
                self.studio.sent.append((self.command, self.path, data))
            self.json(*self.studio.change(self.path, data))

    do_PUT = do_POST

    def upload(self, body: bytes) -> None:
        try:
            with Image.open(io.BytesIO(body)) as picture:
                width, height = picture.size
        except OSError:
            return self.json(422, {"detail": "the upload is no picture", "setting": None})
        id = f"u{len(self.studio.uploads)}"
        self.studio.uploads[id] = body
        self.json(
            201,
            {
                "id": id,
                "value": f"upload:{id}",
                "width": width,
                "height": height,
                "url": f"/uploads/{id}",
            },
        )


class Server:
    """A running server, which can be ended and started again at its port."""

    def __init__(self, studio: Studio, port: int = 0) -> None:
        self.studio = studio
        handler = type("Bound", (Handler,), {"studio": studio})
        self.http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # type: ignore[method-assign]  # a browser went away
        self.port = self.http.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def end(self) -> None:
        for stream in self.studio.streams:
            stream.put("end")
        self.studio.streams.clear()
        self.http.shutdown()
        self.http.server_close()
        for connection in self.studio.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.studio.connections.clear()
