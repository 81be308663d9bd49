"""How one column of an answer is shown: its heading, unit, words and colours, as properties of a field override."""

from grafana_foundation_sdk.models import dashboard as models

from dashboards.boards import words

Properties = list[models.DynamicConfigValue]


def setting(name: str, value: object) -> models.DynamicConfigValue:
    """One property of a field override."""
    return models.DynamicConfigValue(id_val=name, value=value)


def titled(title: str, *others: models.DynamicConfigValue) -> Properties:
    """A column under another heading."""
    return [setting("displayName", title), *others]


def when(title: str, form: str = "time:MM-DD HH:mm") -> Properties:
    """A column of milliseconds since 1970 as a time of the board's zone."""
    return titled(title, setting("unit", form))


def word(title: str, *mappings: models.ValueMapping) -> Properties:
    """A column of states: words on their colours."""
    cell = {"type": "color-background", "mode": "basic"}
    return titled(
        title, setting("mappings", list(mappings)), setting("custom.cellOptions", cell), setting("noValue", "? unknown")
    )


def percentage(title: str = "percent") -> Properties:
    """A column of percentages as bars with their number."""
    steps = [{"value": None, "color": words.BAD}, {"value": 50, "color": words.WARN}, {"value": 100, "color": words.GOOD}]
    return titled(
        title,
        setting("unit", "percent"),
        setting("decimals", 0),
        setting("min", 0),
        setting("max", 100),
        setting("thresholds", {"mode": "absolute", "steps": steps}),
        setting("custom.cellOptions", {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}),
    )


def hidden() -> Properties:
    """A column that is there for a link or an order only."""
    return [setting("custom.hidden", True)]


def link(title: str, url: str) -> models.DynamicConfigValue:
    """A click on a cell leads to another board."""
    return setting("links", [{"title": title, "url": url, "targetBlank": False}])


def counts(prefix: str = "milestones_") -> dict[str, Properties]:
    """Milestones by colour, each count with its word."""
    colours = {"red": ("■ late", words.BAD), "yellow": ("▲ at risk", words.WARN), "green": ("● on track", words.GOOD)}
    fixed = {
        f"{prefix}{name}": titled(text, setting("color", {"mode": "fixed", "fixedColor": colour}), setting("decimals", 0))
        for name, (text, colour) in colours.items()
    }
    quiet = setting("color", {"mode": "fixed", "fixedColor": words.QUIET})
    return fixed | {f"{prefix}unknown": titled("? unknown", quiet, setting("decimals", 0))}


def silent_gateways() -> dict[str, Properties]:
    """How many of the gateways are silent."""
    steps = {"mode": "absolute", "steps": [{"value": None, "color": words.GOOD}, {"value": 1, "color": words.BAD}]}
    return {
        "silent": titled(
            "silent",
            setting("unit", "suffix: silent"),
            setting("decimals", 0),
            setting("mappings", [words.NONE_SILENT]),
            setting("thresholds", steps),
        )
    }
