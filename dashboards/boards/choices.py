"""What can be chosen at the top of a board: its variables."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards.boards.parts import DATASOURCE
from dashboards.influxql import tag_values


def chosen_site() -> dashboard.QueryVariable:
    """The site: one, off what tracking mirrors for each that it knows."""
    return _choice("site", "Site", tag_values("site_state", "site"))


def chosen_order() -> dashboard.QueryVariable:
    """One order of the site."""
    return _choice("order", "Order", tag_values("order", "order", of_site=True))


def chosen_source() -> dashboard.CustomVariable:
    """What the map counts. Minutes of presence add up; shares of a limit do not go with them."""
    choices = {
        "Work": "people|machines|scans",
        "People": "people",
        "Machines": "machines",
        "Scans": "scans",
        "Noise": "noise",
        "Dust": "dust",
    }
    options = [models.VariableOption(selected=text == "Work", text=text, value=value) for text, value in choices.items()]
    return (
        dashboard.CustomVariable("source")
        .label("Heat of")
        .values(",".join(f"{text} : {value}" for text, value in choices.items()))
        .current(options[0])
        .options(options)
        .multi(False)
        .include_all(False)
    )


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(False)
        .include_all(False)
    )
