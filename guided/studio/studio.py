"""The studio's state: the queue with its workers, the pictures, and the events about them.

Knows nothing of HTTP. Blocking work is done in threads; the files are the truth, so that a restart
loses nothing.
"""

from __future__ import annotations

import asyncio
import math
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from guided.config.overrides import Override, raws
from guided.errors import BadInput
from guided.paths import PROGRAM
from guided.runs import changes
from guided.runs.layout import FILMS, MANIFEST, film_name
from guided.runs.manifest import DONE, FAILED, Manifest, stamp
from guided.studio import files_by_id, form, inputs, models, presets
from guided.studio.dispatcher import Dispatcher
from guided.studio.entries import OPEN, Entry, Queue
from guided.studio.events import Events
from guided.studio.inputs import Checked
from guided.studio.library import Item, Library
from guided.studio.measurements import Measurements
from guided.studio.places import new_id, preview_name, previews_folder
from guided.studio.webhooks import Webhooks

T = TypeVar("T")
STARTING, PROCESSING = "starting", "processing"
POLL = 0.5  # seconds between looks at a prediction that somebody waits for
LIVE = ("picture", "step", "progress", "seconds_left", "preview")  # of the step at hand


class Checks(Protocol):
    """Reads inputs (guided.studio.checking)."""

    def check(self, given: Mapping[str, Any], find: Callable[[str], Path]) -> Checked: ...


@dataclass
class Studio:
    """The state of a server."""

    root: Path
    base: list[Override] = field(default_factory=list)  # settings of this machine
    flags: list[str] = field(default_factory=list)  # folders of the user's presets
    devices: Sequence[str | None] = (None,)
    webhooks: Webhooks = field(default_factory=Webhooks)
    checker_of: Callable[[list[str]], Checks] | None = None  # with the flags of today

    def __post_init__(self) -> None:
        self.queue, self.library, self.events = Queue(self.root), Library(self.root), Events()
        self.dispatcher = Dispatcher(
            self.root, self.told, raws(self.base), self.flags_now(), self.devices
        )
        self.live: dict[str, dict[str, Any]] = {}  # of predictions being drawn
        self.statuses: dict[str, tuple[Any, ...]] = {}  # as they were last told
        self.posted: dict[str, tuple[str, int]] = {}  # status and pictures, as last posted
        self.order: tuple[Any, ...] = ()
        self.manifests: dict[str, tuple[object, Manifest]] = {}
        self.checker: Checks | None = None
        self.composing = ThreadPoolExecutor(1, "composing")
        self.reading = ThreadPoolExecutor(4, "reading")
        self.loop: asyncio.AbstractEventLoop | None = None

    def flags_now(self) -> list[str]:
        """Return the flags with the studio's own presets, once there are some."""
        return [*self.flags, *presets.flags(self.root)]

    # ---- life

    async def begin(self) -> None:
        """Begin to draw what is in the queue, if its workers are this process's."""
        self.loop = asyncio.get_running_loop()
        self.statuses = {entry.id: self.facts(entry) for entry in self.queue.all()}
        if self.dispatcher.holds:
            self.dispatcher.begin()
        listed = self.reading.submit(self.library.refresh)
        self.reading.submit(self.library.measure)
        self.composing.submit(listed.result)  # the pictures come first: a page shows them at once
        self.composing.submit(form.as_dict, tuple(self.flags_now()))
        self.composing.submit(models.every)

    def close(self) -> None:
        """End every stream, from any thread or signal handler."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.events.close)

    async def end(self) -> None:
        """End every stream, and the workers after the step at hand."""
        self.events.close()
        await asyncio.to_thread(self.dispatcher.end)
        self.composing.shutdown(wait=False, cancel_futures=True)
        self.reading.shutdown(wait=False, cancel_futures=True)

    async def read(self, function: Callable[..., T], *about: Any) -> T:
        """Return what a function returns that reads or writes files."""
        return await asyncio.get_running_loop().run_in_executor(self.reading, function, *about)

    async def compose(self, function: Callable[..., T], *about: Any) -> T:
        """Return what a function returns that composes configurations."""
        return await asyncio.get_running_loop().run_in_executor(self.composing, function, *about)

    # ---- what workers tell

    def told(self, event: dict[str, Any]) -> None:
        """Take an event of a worker, in any thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.take, event)

    def take(self, event: dict[str, Any]) -> None:
        """Pass an event on to the clients, and remember the newest of the step at hand."""
        kind, name = event.pop("event"), str(event.get("prediction"))
        if kind in ("changed", "state"):
            self.tell_changes(name if kind == "state" else None)
        elif kind == "picture":
            self.tell_picture(name, event["number"])
        else:
            if kind in ("preview", "views"):
                event["url"] = preview_url(name, event["picture"], event["step"], kind == "views")
            self.remember(kind, name, event)
            self.events.add(kind, event)

    def remember(self, kind: str, name: str, event: Mapping[str, Any]) -> None:
        """Remember where a prediction is."""
        if kind == "progress":
            fresh = name not in self.live
            live = self.live.setdefault(name, {})
            live |= {key: event[key] for key in LIVE if key in event}
            if fresh:
                self.tell_changes(name)
        elif kind == "preview":
            file = preview_name(event["picture"], event["step"])
            self.live.setdefault(name, {}).update(preview=event["url"], file=file)
        elif kind == "worker" and event.get("state") != "drawing":
            busy = {one.prediction for one in self.dispatcher.workers}
            self.live = {key: one for key, one in self.live.items() if key in busy}

    def tell_picture(self, name: str, number: int) -> None:
        """Tell of a finished picture."""
        try:
            entry = self.queue.read(name)
        except KeyError:
            return
        self.tell_changes(name)
        self.tell_made(entry, number)

    def tell_made(self, entry: Entry, number: int) -> None:
        """Tell that a picture is there; the frames of a film are one picture, which changes."""
        manifest = self.manifest(entry)
        if entry.folder and manifest:
            self.library.looked = -1e9  # it is looked at again at once
            frames = {one.number: one.group for one in manifest.pictures if one.frame is not None}
            picture = files_by_id.picture_id(entry.folder, frames.get(number, number))
            self.events.add("picture", {"id": picture, "change": "made", "prediction": entry.id})

    def tell_changes(self, name: str | None = None) -> None:
        """Tell of the predictions whose status has changed, and of the queue if its order has;
        `name` is one of which is told in any case."""
        entries = self.queue.all()
        for entry in entries:
            facts = self.facts(entry)
            if self.statuses.get(entry.id) != facts or entry.id == name:
                ended = entry.state != OPEN and self.statuses.get(entry.id, facts)[0] == OPEN
                self.statuses[entry.id] = facts
                (shown,) = self.predictions([entry], entries)
                self.events.add("state", shown)
                if ended and shown["film"]:
                    self.tell_made(entry, 0)  # now with its film
                self.call_webhook(entry, shown, ended)
        order = (self.queue.paused, *(entry.id for entry in entries if entry.state == OPEN))
        if order != self.order:
            self.order = order
            self.events.add("queue", {"paused": order[0], "order": list(order[1:])})

    def facts(self, entry: Entry) -> tuple[Any, ...]:
        """Return the values of a prediction whose change is told."""
        return entry.state, self.status(entry), self.manifest_stamp(entry)

    def call_webhook(self, entry: Entry, shown: Mapping[str, Any], ended: bool) -> None:
        """Post a prediction when it begins, has another picture, or has ended, once for each."""
        if entry.webhook is None:
            return
        before = self.posted.get(entry.id, (STARTING, 0))
        status, made = self.posted[entry.id] = shown["status"], len(shown["pictures"])
        kind = None
        if ended:
            kind = "completed"
        elif entry.state == OPEN and made > before[1]:
            kind = "output"
        elif status == PROCESSING != before[0]:
            kind = "start"
        if kind:
            self.webhooks.call(entry.webhook, entry.webhook_events, kind, shown)

    # ---- predictions

    async def check(self, given: Mapping[str, Any]) -> Checked:
        """Return what an input is understood to be. BadInput for whatever is wrong."""
        known = await self.read(self.named, given)
        find = self.finder(known)
        return await self.compose(lambda: self.checks().check(given, find))

    def checks(self) -> Checks:
        """Return what checks inputs, made when it is first needed."""
        if self.checker is None:
            assert self.checker_of is not None  # a studio that checks nothing is not asked to
            self.checker = self.checker_of(self.flags_now())
        return self.checker

    def named(self, given: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Return run and number of the pictures whose ids are in an input."""
        return self.library.known(inputs.pictures(given))

    def finder(self, known: Mapping[str, list[Any]]) -> Callable[[str], Path]:
        """Return the function that finds the files of pictures by their ids."""
        pictures = {name: (run, number) for name, (run, number) in known.items()}
        return lambda value: files_by_id.find(self.root, value, pictures)

    async def add(
        self,
        given: Mapping[str, Any],
        name: str | None = None,
        webhook: str | None = None,
        webhook_events: list[str] | None = None,
    ) -> Entry:
        """Queue a prediction. BadInput for whatever is wrong; Conflict and Full as the queue."""
        if name is not None and (same := self.same(name, given)) is not None:
            return same
        self.webhooks.check(webhook)
        whole = inputs.with_seed(given)
        checked = await self.check(whole)
        if checked.missing:
            raise BadInput(checked.missing)
        entry = Entry(
            name or new_id(),
            whole,
            words=checked.words,
            webhook=webhook,
            webhook_events=webhook_events,
            pictures=await self.read(self.named, whole),
            **facts_of(checked),
        )
        entry.seconds = self.estimate(checked)["seconds"]
        entry = await self.read(self.queue.add, entry)
        self.tell_changes()
        return entry

    def same(self, name: str, given: Mapping[str, Any]) -> Entry | None:
        """Return the prediction of an id if its input is the same, but for a seed that was drawn
        for it; None if there is none."""
        try:
            entry = self.queue.read(name)
        except KeyError:
            return None
        drawn = inputs.with_seed({**given, "seed": given.get("seed") or entry.input.get("seed")})
        return entry if given.get("seed") is None and drawn == entry.input else None

    def estimate(self, checked: Checked) -> dict[str, Any]:
        """Return the estimate of an input, and the time before it begins."""
        device = self.devices[0] or "auto"
        measured = Measurements.read(self.root)
        found = measured.estimate(checked.plan, device, len(self.devices))
        return {**found, "before": round(sum(map(self.seconds_left, self.queue.open())), 1)}

    def seconds_left(self, entry: Entry) -> float:
        """Return the seconds that a prediction still takes, as far as they are known."""
        left = self.live.get(entry.id, {}).get("seconds_left")
        return left if left is not None else entry.seconds or 0.0

    def status(self, entry: Entry) -> str:
        """Return the status of a prediction, as Cog names it."""
        if entry.state != OPEN:
            return entry.state
        of_others = not self.dispatcher.holds and entry.started is not None
        return PROCESSING if entry.id in self.live or of_others else STARTING

    def prediction(self, entry: Entry) -> dict[str, Any]:
        """Return a prediction as it is answered."""
        return self.predictions([entry], self.queue.all())[0]

    def predictions(
        self, entries: Sequence[Entry], every: Sequence[Entry]
    ) -> list[dict[str, Any]]:
        """Return predictions as they are answered; `every` are all of the queue, in order."""
        waiting = [one.id for one in every if self.status(one) == STARTING]
        places = {name: place for place, name in enumerate(waiting)}
        return [self.shown(entry, places.get(entry.id)) for entry in entries]

    def shown(self, entry: Entry, position: int | None) -> dict[str, Any]:
        """Return a prediction with its position among those that wait."""
        manifest = self.manifest(entry)
        pictures = manifest.pictures if manifest else []
        run, film = entry.folder or "", any(p.frame is not None for p in pictures)
        finished = [p for p in pictures if p.state == DONE and p.file]
        numbers = list(dict.fromkeys(p.group if film else p.number for p in finished))
        made = [files_by_id.picture_id(run, number) for number in numbers]
        done = sum(picture.state in (DONE, FAILED) for picture in pictures)
        status = self.status(entry)
        live = self.live.get(entry.id, {}) if status == PROCESSING else {}
        total = sum(p.seconds or 0.0 for p in pictures if p.state == DONE)
        return {
            "id": entry.id,
            "status": status,
            "position": position,
            "input": entry.input,
            "words": entry.words,
            "command": command_of(entry),
            "output": [f"/pictures/{name}/file" for name in made] + self.films_of(run, made, film),
            "pictures": made,
            "film": film,
            "count": entry.count,
            "done": done,
            "size": entry.size,
            "steps": entry.steps,
            "model": entry.model,
            "clips": entry.clips,
            **{key: live.get(key) for key in LIVE},
            "progress": live.get("progress", done / max(entry.count, 1)),
            "estimate": entry.seconds,
            "error": entry.error,
            "logs": entry.logs,
            "metrics": {"predict_time": round(total, 3)},
            "created_at": entry.created,
            "started_at": entry.started,
            "completed_at": entry.completed,
            "urls": {
                "get": f"/predictions/{entry.id}",
                "cancel": f"/predictions/{entry.id}/cancel",
                "stream": f"/events?prediction={entry.id}",
            },
        }

    def films_of(self, run: str, made: Sequence[str], film: bool) -> list[str]:
        """Return the addresses of a run's film, once it is there."""
        files = {name: self.root / run / film_name(0, name) for name in FILMS} if film else {}
        there = [name for name, path in files.items() if path.is_file()]
        return [f"/pictures/{made[0]}/films/{name}" for name in there if made]

    async def ended(
        self,
        name: str,
        seconds: float = math.inf,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> Entry:
        """Return a prediction when it has ended, these seconds have passed, the client has gone or
        the server is about to end. KeyError if there is none."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while (entry := self.queue.read(name)).state == OPEN and clock() < end:
            if self.closing or (gone is not None and await gone()):
                break
            await asyncio.sleep(POLL)
        return entry

    def preview(self, name: str) -> bytes:
        """Return the newest small picture of a prediction that is being drawn. KeyError or OSError
        if there is none."""
        return (previews_folder(self.root, name) / self.live[name]["file"]).read_bytes()

    def file(self, name: str) -> bytes:
        """Return the bytes of a picture's file. KeyError if there is none."""
        return self.library.path(self.library.find(name)).read_bytes()

    @property
    def closing(self) -> bool:
        """Whether the server is about to end."""
        return self.events.closed

    def manifest_stamp(self, entry: Entry) -> object:
        """Return a value that changes with the manifest of a prediction's run."""
        if entry.folder is None:
            return None
        folder, noted = self.root / entry.folder, None
        with suppress(OSError):
            noted = stamp(changes.path_in(folder))
        try:
            return stamp(folder / MANIFEST), noted
        except OSError:
            return None

    def manifest(self, entry: Entry) -> Manifest | None:
        """Return the manifest of a prediction's run; None if it has none, or none any more."""
        stamp = self.manifest_stamp(entry)
        if stamp is None or entry.folder is None:
            return None
        known = self.manifests.get(entry.id)
        if known is None or known[0] != stamp:
            try:
                known = stamp, Manifest.read_leniently(self.root / entry.folder)
            except BadInput:
                return None
            self.manifests[entry.id] = known
        return known[1]

    def runs_of(self, name: str) -> list[str]:
        """Return the folders of a prediction's run: one, or none."""
        try:
            folder = self.queue.read(name).folder
        except KeyError:
            return []
        return [folder] if folder else []

    def predictions_by_run(self) -> dict[str, str]:
        """Return the ids of predictions by the folders of their runs."""
        return {entry.folder: entry.id for entry in self.queue.all() if entry.folder}

    # ---- the queue

    def queue_state(self) -> dict[str, Any]:
        """Return the answer of GET /queue."""
        every = self.queue.all()
        entries = [entry for entry in every if entry.state == OPEN]
        entries.sort(key=lambda entry: self.status(entry) != PROCESSING)  # keeps their order
        return {
            "paused": self.queue.paused,
            "items": self.predictions(entries, every),
            "workers": [worker.as_dict() for worker in self.dispatcher.workers],
        }

    # ---- pictures and presets

    def changed(self, item: Item, change: str) -> None:
        """Tell of a change of a picture."""
        self.events.add("picture", {"id": item.id, "change": change})

    def presets_changed(self) -> None:
        """Take presets that were saved or removed into use."""
        form.forget()
        self.checker = None
        self.dispatcher.flags = self.flags_now()
        self.dispatcher.renew()


def facts_of(checked: Checked) -> dict[str, Any]:
    """Return what an entry keeps of its plan."""
    plan = checked.plan
    return {
        "count": plan.count,
        "size": list(plan.size),
        "steps": plan.steps - plan.skip,
        "model": plan.drawn_with,
        "clips": list(plan.clips),
    }


def command_of(entry: Entry) -> str:
    """Return the command line that draws the same as a prediction."""
    return shlex.join([*PROGRAM, *entry.words])


def preview_url(name: str, picture: int, step: int, views: bool = False) -> str:
    return f"/previews/{name}/{picture}/{step}{'/views' if views else ''}"
