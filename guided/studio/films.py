"""Pages that show what a film's camera does, before anything is drawn (guided.gallery.preview)."""

from __future__ import annotations

from dataclasses import dataclass, field

from guided.batch.passes import total
from guided.batch.throughput import duration
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.gallery import preview
from guided.studio.files_by_id import digest

MOST = 8  # pages that are kept
# The page's own policy lets its own script run; here it runs apart from the studio's page.
HEADERS = {
    "content-security-policy": "sandbox allow-scripts; frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",
    "cache-control": "no-store",
}


@dataclass
class Films:
    """The newest pages, by their ids. To be used in one thread."""

    pages: dict[str, str] = field(default_factory=dict)

    def add(self, plan: Plan, title: str, seconds: float | None) -> str:
        """Make the page of a plan's film, and return its id. BadInput if it draws none."""
        if plan.film is None:
            raise BadInput("animate=null draws no film; animate=slow_zoom is one")
        time = "for an unknown time" if seconds is None else f"about {duration(seconds)}"
        about = {"title": title, "time": f"{total(plan)} steps, {time}"}
        page = preview.render(plan.film, about)
        name = digest(page.encode())
        self.pages[name] = page
        for oldest in list(self.pages)[:-MOST]:
            del self.pages[oldest]
        return name
