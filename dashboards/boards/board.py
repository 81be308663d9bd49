"""What a board is: for whom, what it answers, and its panels; `dashboards.build` makes Grafana's of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards import naming
from dashboards.edition import Edition

_LINKED: Final = (
    naming.SITE_WALL,
    naming.MATERIAL,
    naming.EQUIPMENT,
    naming.ENVIRONMENT,
    naming.GATEWAYS,
    naming.ORDER,
    naming.COMPANY,
)


@dataclass(frozen=True, kw_only=True)
class Board:
    """One board."""

    title: str
    reader: str
    """For whom it is: who stands in front of it."""
    answers: str
    """The questions that it answers."""
    reads: str
    """Which resolution of the data it reads, and why."""
    span: str
    """The range that it opens with: `1h` is the last hour."""
    refresh: str
    variables: Callable[[], Sequence[Builder[models.VariableModel]]] = tuple
    panels: Callable[[Edition], Sequence[Builder[models.Panel]]]
    remarks: Callable[[Edition], Sequence[Builder[models.AnnotationQuery]]] | None = None

    def build(self, edition: Edition) -> models.Dashboard:
        """Grafana's model of it; panels are numbered as they stand in the code."""
        made = (
            builders.Dashboard(self.title)
            .uid(naming.uid(self.title))
            .description(self.answers)
            .tags(["plumbline"])
            .timezone(edition.timezone)
            .time(f"now-{self.span}", "now")
            .refresh(self.refresh)
            .readonly()
            .variables(list(self.variables()))
            .links([_link(title) for title in _LINKED if title != self.title])
        )
        if self.remarks is not None:
            made = made.annotations(list(self.remarks(edition)))
        for panel in self.panels(edition):
            made = made.with_panel(panel)
        model = made.build()
        for number, panel in enumerate(model.panels or [], 1):
            if isinstance(panel, models.Panel):
                panel.id_val = number
        return model


def _link(title: str) -> builders.DashboardLink:
    return (
        builders.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(naming.address(title))
        .icon("dashboard")
        .include_vars(True)
        .keep_time(False)
    )
