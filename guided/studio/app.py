"""The HTTP API: routes over a Studio. docs/studio-api.md says what each takes and answers."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from guided.config.messages import BAD, say
from guided.config.plan import Plan
from guided.errors import shown
from guided.gallery.page import SOURCES as SHARED
from guided.gallery.reading import NAMES
from guided.outputs.still import Still
from guided.paths import program
from guided.studio import a1111, bodies, compare, films, form, models, openapi, presets, uploads
from guided.studio.checking import setting_of
from guided.studio.entries import OPEN, Conflict, Entry, Full
from guided.studio.events import MOST_CLIENTS
from guided.studio.films import Films
from guided.studio.guard import BYTES, Guard, Json, Refused, error
from guided.studio.inputs import Checked
from guided.studio.library import SORTS, Item
from guided.studio.openapi import OBJECT, Api, Query, Schema
from guided.studio.places import ID, preview_name, previews_folder, uploads_folder
from guided.studio.studio import PROCESSING, Studio
from guided.studio.webhooks import KINDS
from guided.version import __version__

PAGE = Path(__file__).parent / "page"
SCRIPTS = {".js": "text/javascript", ".css": "text/css", ".webp": "image/webp"}
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
AGAIN = {"cache-control": "no-cache"}
WAIT = re.compile(r"wait(?:=(\d{1,6}))?")
ID_SCHEMA = openapi.NAME
INPUT: Schema = {"type": "object", "description": "settings by name, as GET /schema has them"}
PREDICTION_BODY: Schema = {
    "type": "object",
    "properties": {
        "input": INPUT,
        "webhook": {"type": ["string", "null"]},
        "webhook_events_filter": {
            "type": ["array", "null"],
            "items": {"type": "string", "enum": list(KINDS)},
        },
    },
    "required": ["input"],
    "additionalProperties": False,
}
PREDICTION: Schema = {
    "type": "object",
    "properties": {
        "id": ID_SCHEMA,
        "status": {"enum": ["starting", "processing", "succeeded", "failed", "canceled"]},
        "input": OBJECT,
        "output": {"type": "array", "items": {"type": "string"}},
        "error": {"type": ["string", "null"]},
    },
    "required": ["id", "status", "input", "output", "error", "urls"],
}
QUEUE: Schema = {
    "type": "object",
    "properties": {"paused": {"type": "boolean"}, "items": {"type": "array", "items": PREDICTION}},
    "required": ["paused", "items", "workers"],
}
TRUTH: Schema = {"type": "string", "enum": ["true", "false"]}
TEXT: Schema = {"type": "string"}


def create(studio: Studio, guard: dict[str, Any]) -> Guard:
    """Return the app of a studio, behind its guard, whose settings these are."""
    api = Routes(studio, guard["token"])
    routes = api.routes()
    by_path: dict[str, dict[str, Api]] = {}
    for route in routes:
        by_path.setdefault(route.path, {})[route.method] = route
    paths = [
        Route(path_of(path), endpoint(methods), methods=list(methods))
        for path, methods in by_path.items()
    ]
    paths += [
        Route("/openapi.json", partial(document, routes)),
        Route("/docs", partial(reference, routes)),
    ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await studio.begin()
        yield
        await studio.end()

    handlers: dict[Any, Any] = {HTTPException: refused_by_starlette, Exception: failed}
    app = Starlette(routes=paths, lifespan=lifespan, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Guard(app, uploads=frozenset({"/uploads"}), bodiless=a1111.BODILESS, **guard)


def path_of(path: str) -> str:
    """Return a path as Starlette has it."""
    return path.replace("{picture}", "{picture:int}").replace("{step}", "{step:int}")


def endpoint(methods: dict[str, Api]) -> Callable[[Request], Awaitable[Response]]:
    """Return the function that answers the requests of a path, errors in one line."""

    async def answer(request: Request) -> Response:
        route = methods["GET" if request.method == "HEAD" else request.method]
        given: dict[str, Any] = {}
        request.state.given = given
        try:
            bodies.check_query(request, tuple(one.name for one in route.query))
            return await route.handler(request)
        except Refused as refused:
            return error(refused.status, refused.detail)
        except Conflict as conflict:
            return error(409, str(conflict))
        except Full as full:
            return error(429, str(full))
        except KeyError:
            return error(404, "there is no such thing, or no longer")
        except BAD as bad:
            line = say(bad)
            return error(422, line, setting_of(line, request.state.given))
        except OSError as failed:
            return error(503, f"a file cannot be read or written: {failed.strerror or failed}")

    return answer


async def refused_by_starlette(request: Request, exception: Exception) -> Response:
    """Return the answer for a path or method that there is not."""
    assert isinstance(exception, HTTPException)
    answer = error(exception.status_code, str(exception.detail).lower())
    answer.headers.update(exception.headers or {})
    return answer


async def failed(request: Request, exception: Exception) -> Response:
    """Return the answer for an error that nobody expected; the server logs its traceback."""
    return error(500, "the studio has failed at this")


async def document(routes: list[Api], request: Request) -> Response:
    return Json(openapi.document(routes))


async def reference(routes: list[Api], request: Request) -> Response:
    return HTMLResponse(openapi.page(routes))


def small_file(path: Path, headers: dict[str, str], kind: str) -> Response:
    """Return the answer with a small regular file, read at once. KeyError if there is none."""
    if path.is_symlink() or not path.is_file():
        raise KeyError(path.name)
    return Response(path.read_bytes(), media_type=kind, headers=headers)


def file_of(path: Path, headers: dict[str, str], kind: str | None = None) -> Response:
    """Return the answer with a regular file. KeyError if there is none."""
    if path.is_symlink() or not path.is_file():
        raise KeyError(path.name)
    kind = kind or mimetypes.guess_type(path.name)[0] or BYTES
    return FileResponse(path, media_type=kind, headers=headers)


@dataclass
class Routes:
    """The handlers of a studio's routes."""

    studio: Studio
    token: str
    films: Films = field(default_factory=Films)

    def routes(self) -> list[Api]:
        """Return every route."""
        return [
            *self.page_routes(),
            *self.prediction_routes(),
            *self.queue_routes(),
            *self.picture_routes(),
            *self.other_routes(),
            *a1111.routes(self.studio),
        ]

    # ---- the page

    def page_routes(self) -> list[Api]:
        script = {200: "text/javascript"}
        return [
            Api("GET", "/", self.index, "The page", {200: "text/html"}),
            Api("GET", "/page/{file}", self.page_file, "A file of the page", script, errors=[404]),
            Api(
                "GET",
                "/shared/{file}",
                self.shared_file,
                "A file that the gallery has too",
                script,
                errors=[404],
            ),
            Api("GET", "/session", self.session, "What the page needs to begin", {200: OBJECT}),
            Api("GET", "/health", self.health, "Whether it draws", {200: OBJECT}),
        ]

    async def index(self, request: Request) -> Response:
        path = PAGE / "index.html"
        if not path.is_file():
            return HTMLResponse("<!doctype html><title>guided</title><a href=/docs>API</a>")
        return small_file(path, AGAIN, "text/html")

    async def page_file(self, request: Request) -> Response:
        return script(PAGE, request.path_params["file"])

    async def shared_file(self, request: Request) -> Response:
        return script(SHARED, request.path_params["file"])

    async def session(self, request: Request) -> Response:
        return Json(
            {
                "token": self.token,
                "version": __version__,
                "epoch": self.studio.events.epoch,
                "program": program(),
            },
            headers={"cache-control": "no-store"},
        )

    async def health(self, request: Request) -> Response:
        open = self.studio.queue.open()
        busy = any(self.studio.status(entry) == PROCESSING for entry in open)
        return Json(
            {
                "status": "BUSY" if busy else "READY",
                "version": __version__,
                "queue": len(open),
                "paused": self.studio.queue.paused,
            }
        )

    # ---- predictions

    def prediction_routes(self) -> list[Api]:
        made = {200: PREDICTION, 202: PREDICTION}
        limit = Query("limit", {"type": "integer", "minimum": 1, "maximum": 1000})
        failures = [404, 409, 422, 429]
        picture = {200: "image/webp"}
        step = "/previews/{id}/{picture}/{step}"
        return [
            Api("POST", "/predictions", self.create, "Draw", made, PREDICTION_BODY, (), failures),
            Api("PUT", "/predictions/{id}", self.create, "Draw, once for an id", made,
                PREDICTION_BODY, (), failures),
            Api("GET", "/predictions", self.predictions, "The newest predictions",
                {200: OBJECT}, None, [limit]),
            Api("GET", "/predictions/{id}", self.prediction, "One prediction", {200: PREDICTION},
                None, (), [404]),
            Api("POST", "/predictions/{id}/cancel", self.cancel, "Stop it, and keep what is drawn",
                {200: PREDICTION}, None, (), [404]),
            Api("POST", "/predictions/{id}/resume", self.resume, "Go on with it",
                {200: PREDICTION}, None, (), [404, 409]),
            Api("POST", "/predictions/{id}/views", self.views, "Ask for CLIP's views of a step",
                {202: PREDICTION}, None, (), [404, 409]),
            Api("POST", "/preflight", self.preflight, "Check an input, and estimate its time",
                {200: OBJECT}, {**PREDICTION_BODY, "properties": {"input": INPUT}}, (), [422]),
            Api("POST", "/films", self.show_film, "Show a film's camera, and draw nothing",
                {201: OBJECT}, {**PREDICTION_BODY, "properties": {"input": INPUT}}, (), [422]),
            Api("GET", "/films/{id}", self.film_page, "The page that shows it",
                {200: "text/html"}, None, (), [404]),
            Api("GET", step, self.preview, "A step's small picture", picture, None, (), [404]),
            Api("GET", f"{step}/views", self.preview_views, "A step's views", picture, None, (),
                [404]),
        ]  # fmt: skip

    async def create(self, request: Request) -> Response:
        known = {"input": dict, "webhook": str, "webhook_events_filter": list}
        body = await bodies.fields(request, known, ("input",))
        events = body.get("webhook_events_filter")
        if events and not set(events) <= set(KINDS):
            raise Refused(400, f"webhook_events_filter has {', '.join(KINDS)}")
        request.state.given.update(body["input"])
        name = request.path_params.get("id")
        if name is not None and not ID.fullmatch(name):
            raise Refused(400, "an id has 1 to 64 letters, digits, - and _")
        entry = await self.studio.add(body["input"], name, body.get("webhook"), events)
        seconds = patience(request.headers.get("prefer", ""))
        ended = await self.studio.ended(entry.id, seconds, request.is_disconnected)
        return self.answered(ended, 200 if ended.state != OPEN else 202)

    def answered(self, entry: Entry, status: int = 200) -> Response:
        return Json(self.studio.prediction(entry), status)

    async def predictions(self, request: Request) -> Response:
        limit = bodies.whole(request, "limit", 50, 1, 1000)
        every = self.studio.queue.all()
        newest = sorted(every, key=lambda entry: entry.created, reverse=True)[:limit]
        return Json({"results": self.studio.predictions(newest, every)})

    async def prediction(self, request: Request) -> Response:
        return self.answered(self.studio.queue.read(request.path_params["id"]))

    async def cancel(self, request: Request) -> Response:
        return await self.change(request, self.studio.queue.cancel)

    async def resume(self, request: Request) -> Response:
        return await self.change(request, self.studio.queue.resume)

    async def change(self, request: Request, change: Callable[[str], Entry]) -> Response:
        """Change a prediction, and answer with it."""
        await bodies.fields(request, {})
        entry = await self.studio.read(change, request.path_params["id"])
        self.studio.tell_changes()
        return self.answered(entry)

    async def views(self, request: Request) -> Response:
        await bodies.fields(request, {})
        entry = self.studio.queue.read(request.path_params["id"])
        if self.studio.status(entry) != PROCESSING:
            raise Conflict(f"{entry.id} is not being drawn")
        self.studio.queue.ask_for_views(entry.id)
        return self.answered(entry, 202)

    async def checked(self, request: Request) -> Checked:
        """Return what the input in a request's body is understood to be."""
        body = await bodies.fields(request, {"input": dict}, ("input",))
        request.state.given.update(body["input"])
        return await self.studio.check(body["input"])

    async def preflight(self, request: Request) -> Response:
        checked = await self.checked(request)
        plan, film = checked.plan, checked.plan.film
        return Json(
            {
                "words": checked.words,
                "command": checked.command,
                "pictures": 1 if film else plan.count,
                "film": film and {"frames": film.timing.frames, "fps": film.timing.fps},
                "size": list(plan.size),
                "final_size": final_size(plan),
                "steps": plan.steps - plan.skip,
                "model": plan.drawn_with,
                "clips": list(plan.clips),
                "warnings": checked.warnings,
                "missing": checked.missing,
                "estimate": self.studio.estimate(checked),
            }
        )

    async def show_film(self, request: Request) -> Response:
        checked = await self.checked(request)
        title = str(request.state.given.get("prompt") or "")
        seconds = self.studio.estimate(checked)["seconds"]
        name = await self.studio.compose(self.films.add, checked.plan, title, seconds)
        return Json({"id": name, "url": f"/films/{name}"}, 201)

    async def film_page(self, request: Request) -> Response:
        return HTMLResponse(self.films.pages[request.path_params["id"]], headers=films.HEADERS)

    async def preview(self, request: Request) -> Response:
        return self.preview_of(request, False)

    async def preview_views(self, request: Request) -> Response:
        return self.preview_of(request, True)

    def preview_of(self, request: Request, views: bool) -> Response:
        name, part = request.path_params["id"], request.path_params
        if not ID.fullmatch(name):
            raise KeyError(name)
        file = preview_name(part["picture"], part["step"], views)
        return small_file(previews_folder(self.studio.root, name) / file, FOREVER, "image/webp")

    # ---- the queue and its events

    def queue_routes(self) -> list[Api]:
        body: Schema = {
            "type": "object",
            "properties": {
                "paused": {"type": "boolean"},
                "order": {"type": "array", "items": ID_SCHEMA},
            },
            "additionalProperties": False,
        }
        about = [Query("prediction", ID_SCHEMA)]
        return [
            Api("GET", "/queue", self.queue, "The whole state", {200: QUEUE}),
            Api("POST", "/queue", self.arrange, "Stop, go on, reorder", {200: QUEUE}, body, (),
                [404]),
            Api("GET", "/events", self.events, "What happens, as server-sent events",
                {200: "text/event-stream"}, None, about, [404, 503]),
        ]  # fmt: skip

    async def queue(self, request: Request) -> Response:
        return Json(self.studio.queue_state())

    async def arrange(self, request: Request) -> Response:
        body = await bodies.fields(request, {"paused": bool, "order": list})
        if body.get("order") is not None:
            await self.studio.read(self.studio.queue.arrange, body["order"])
        if body.get("paused") is not None:
            await self.studio.read(self.studio.queue.pause, body["paused"])
        self.studio.tell_changes()
        return Json(self.studio.queue_state())

    async def events(self, request: Request) -> Response:
        events, name = self.studio.events, request.query_params.get("prediction")
        if name is not None:
            self.studio.queue.read(name)
        if events.closed or events.clients >= MOST_CLIENTS:
            raise Refused(503, f"{MOST_CLIENTS} streams are open, or the server is closing")
        stream = events.stream(request.headers.get("last-event-id"), name)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    # ---- pictures

    def picture_routes(self) -> list[Api]:
        one, here = {200: OBJECT}, [404]
        query = [
            *(Query(name, TEXT) for name in ("search", "artist", "look", "model", "run")),
            Query("prediction", TEXT),
            *(Query(name, TRUTH) for name in ("favourite", "trash")),
            Query("sort", {"type": "string", "enum": list(SORTS)}),
            Query("limit", {"type": "integer", "minimum": 1, "maximum": 5000}),
            Query("offset", openapi.WHOLE),
        ]
        version = Query("v", TEXT)
        favourite: Schema = {
            "type": "object",
            "properties": {"favourite": {"type": "boolean"}},
            "required": ["favourite"],
            "additionalProperties": False,
        }
        pair = [Query("a", ID_SCHEMA), Query("b", ID_SCHEMA)]
        return [
            Api("GET", "/pictures", self.pictures, "Search the pictures", one, None, query),
            Api("GET", "/pictures/{id}", self.picture, "One, with its settings", one, None, (),
                here),
            Api("GET", "/pictures/{id}/file", self.picture_file, "Its file",
                {200: "image/png"}, None, [version, Query("download", TRUTH)], here),
            Api("GET", "/pictures/{id}/thumb", self.thumb, "Its thumbnail",
                {200: "image/webp"}, None, [version], here),
            Api("GET", "/pictures/{id}/steps/{step}", self.step, "The picture after a step",
                {200: "image/png"}, None, [version], here),
            Api("GET", "/pictures/{id}/films/{format}", self.film, "Its film",
                {200: "video/mp4"}, None, [version], here),
            Api("POST", "/pictures/{id}/favourite", self.favourite, "Make it a favourite, or not",
                one, favourite, (), here),
            Api("POST", "/pictures/{id}/trash", self.trash, "Move it to the trash", one, None, (),
                here),
            Api("POST", "/pictures/{id}/restore", self.restore, "Move it back", one, None, (),
                [404, 422]),
            Api("GET", "/compare", self.compare, "Two pictures side by side", one, None, pair,
                here),
        ]  # fmt: skip

    async def pictures(self, request: Request) -> Response:
        given = request.query_params
        limit = bodies.whole(request, "limit", 200, 1, 5000)
        offset = bodies.whole(request, "offset", 0, 0, 999_999_999)
        sort = given.get("sort", "new")
        if sort not in SORTS:
            raise Refused(400, f"sort={shown(sort)} must be one of {', '.join(SORTS)}")
        favourite, trash = bodies.truth(request, "favourite"), bodies.truth(request, "trash")
        answer = partial(self.listed, dict(given), favourite, trash, sort, limit, offset)
        return await self.studio.read(lambda: Json(answer()))  # thousands take a while to write

    def listed(
        self, given: dict[str, str], favourite: bool, trash: bool, sort: str, limit: int, at: int
    ) -> dict[str, Any]:
        """Return the pictures of a search, from one place on."""
        library = self.studio.library
        library.refresh()
        runs = None
        if "prediction" in given:
            runs = self.studio.runs_of(given["prediction"])
        if "run" in given:
            runs = [run for run in library.run_of(given["run"]) if runs is None or run in runs]
        names = {str(name): given[name] for name in NAMES if name in given}
        found = library.search(given.get("search", ""), names, favourite, trash, runs, sort)
        favourites, predictions = library.favourites(), self.studio.predictions_by_run()
        shown = [
            compare.shown(self.studio.library, item, favourites, predictions)
            for item in found[at : at + limit]
        ]
        return {
            "total": len(found),
            "offset": at,
            "pictures": shown,
            "filters": library.filters(),
        }

    async def item(self, request: Request) -> Item:
        return await self.studio.read(self.studio.library.find, request.path_params["id"])

    async def picture(self, request: Request) -> Response:
        return Json(await self.studio.read(self.details, await self.item(request)))

    def details(self, item: Item) -> dict[str, Any]:
        library = self.studio.library
        favourites, predictions = library.favourites(), self.studio.predictions_by_run()
        about = compare.shown(library, item, favourites, predictions)
        return about | compare.details(library, item, self.studio.flags_now())

    async def picture_file(self, request: Request) -> Response:
        item = await self.item(request)
        path = await self.studio.read(self.studio.library.path, item)
        headers = dict(FOREVER if "v" in request.query_params else AGAIN)
        if bodies.truth(request, "download"):
            headers["content-disposition"] = f'attachment; filename="{item.id}-{path.name}"'
        return file_of(path, headers)

    async def thumb(self, request: Request) -> Response:
        headers = FOREVER if "v" in request.query_params else AGAIN
        return await self.studio.read(self.thumb_of, request.path_params["id"], headers)

    def thumb_of(self, name: str, headers: dict[str, str]) -> Response:
        library = self.studio.library
        return small_file(library.thumb(library.find(name)), headers, "image/webp")

    async def step(self, request: Request) -> Response:
        item = await self.item(request)
        steps = await self.studio.read(self.studio.library.steps, item)
        return file_of(steps[request.path_params["step"]], FOREVER)

    async def film(self, request: Request) -> Response:
        item = await self.item(request)
        films = self.studio.library.films(item)
        return file_of(films[request.path_params["format"]], AGAIN)

    async def favourite(self, request: Request) -> Response:
        body = await bodies.fields(request, {"favourite": bool}, ("favourite",))
        item = await self.item(request)
        await self.studio.read(self.studio.library.mark, item, body["favourite"])
        self.studio.changed(item, "favourite")
        return Json({"id": item.id, "favourite": body["favourite"]})

    async def trash(self, request: Request) -> Response:
        return await self.move(request, self.studio.library.trash, "trashed")

    async def restore(self, request: Request) -> Response:
        return await self.move(request, self.studio.library.restore, "restored")

    async def move(self, request: Request, move: Callable[[Item], None], change: str) -> Response:
        """Move a picture, and answer with its id."""
        await bodies.fields(request, {})
        item = await self.item(request)
        await self.studio.read(move, item)
        self.studio.changed(item, change)
        return Json({"id": item.id, "trashed": change == "trashed"})

    async def compare(self, request: Request) -> Response:
        names = [request.query_params.get(name) for name in ("a", "b")]
        if not all(names):
            raise Refused(400, "a and b are the ids of two pictures")
        library = self.studio.library
        items = [await self.studio.read(library.find, name) for name in names]
        return Json(await self.studio.read(compare.compared, library, *items))

    # ---- uploads, presets, models

    def other_routes(self) -> list[Api]:
        preset: Schema = {**PREDICTION_BODY, "properties": {"input": INPUT}}
        return [
            Api("GET", "/schema", self.schema, "The settings of a prediction", {200: OBJECT}),
            Api("GET", "/models", self.models, "The models, and which are here", {200: OBJECT}),
            Api("POST", "/uploads", self.upload, "Keep a picture", {201: OBJECT}, BYTES,
                [Query("mask", TRUTH)], [422]),
            Api("GET", "/uploads/{id}", self.uploaded, "An uploaded picture",
                {200: "image/png"}, None, (), [404]),
            Api("GET", "/presets", self.presets, "The presets that were saved here",
                {200: OBJECT}),
            Api("PUT", "/presets/{name}", self.save_preset, "Save a preset", {200: OBJECT}, preset,
                (), [404, 422]),
            Api("POST", "/presets/{name}/trash", self.remove_preset, "Remove a preset",
                {200: OBJECT}, None, (), [404]),
        ]  # fmt: skip

    async def schema(self, request: Request) -> Response:
        return Json(await self.studio.compose(form.as_dict, tuple(self.studio.flags_now())))

    async def models(self, request: Request) -> Response:
        return Json({"models": await self.studio.compose(models.listed)})

    async def upload(self, request: Request) -> Response:
        mask = bodies.truth(request, "mask")
        data = await bodies.read(request, uploads.MOST_BYTES)
        name, (width, height) = await self.studio.read(uploads.save, self.studio.root, data, mask)
        answer = {
            "id": name,
            "value": f"upload:{name}",
            "width": width,
            "height": height,
            "url": f"/uploads/{name}",
        }
        return Json(answer, 201)

    async def uploaded(self, request: Request) -> Response:
        name = request.path_params["id"]
        if not ID.fullmatch(name):
            raise KeyError(name)
        return file_of(uploads_folder(self.studio.root) / f"{name}.png", FOREVER)

    async def presets(self, request: Request) -> Response:
        found = await self.studio.read(lambda: list(presets.listed(self.studio.root)))
        return Json({"presets": found})

    async def save_preset(self, request: Request) -> Response:
        body = await bodies.fields(request, {"input": dict}, ("input",))
        given, name = body["input"], request.path_params["name"]
        request.state.given.update(given)
        await self.studio.check({"prompt": "a preset", **given})
        await self.studio.read(presets.save, self.studio.root, name, given)
        await self.studio.compose(self.studio.presets_changed)
        return Json({"name": name, "input": given})

    async def remove_preset(self, request: Request) -> Response:
        await bodies.fields(request, {})
        await self.studio.read(presets.remove, self.studio.root, request.path_params["name"])
        await self.studio.compose(self.studio.presets_changed)
        return Json({"name": request.path_params["name"]})


def script(folder: Path, name: str) -> Response:
    """Return a script or style of a folder. KeyError for any other file."""
    path = folder / name
    if path.suffix not in SCRIPTS or path.parent != folder or "\\" in name:
        raise KeyError(name)
    return small_file(path, AGAIN, SCRIPTS[path.suffix])


def final_size(plan: Plan) -> list[int]:
    """Return width and height of the finished picture, which is enlarged after it is drawn."""
    still = plan.outputs.get("still")
    times = (plan.upscale or 1) * (still.times(plan.size) if isinstance(still, Still) else 1)
    return [side * times for side in plan.size]


def patience(prefer: str) -> float:
    """Return the seconds that a request waits for its prediction, by its header Prefer."""
    parts = [part.strip().lower() for part in prefer.split(",")]
    if "respond-async" in parts:
        return 0.0
    waits = [match[1] for part in parts if (match := WAIT.fullmatch(part))]
    return float(waits[0]) if waits and waits[0] else float("inf")
