"""A Grafana over its HTTP API (through grafana-client): what it answers, and its refusals in words.

GrafanaError
├── GrafanaAwayError        nobody answers at that address, or it is no Grafana
├── GrafanaRefusedError     it does not let this token do that (401, 403)
└── GrafanaVersionError     boards would not be shown as they are meant
"""

import re
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import SplitResult, urlsplit

from plumbline.errors import PlumblineError

TIMEOUT_S: Final = 20.0
OLDEST: Final = (9, 5, 0)
#: InfluxQL panels of these show no data: variables are filled in wrongly; mended in 10.2.3.
_POOR: Final = ((10, 2, 0), (10, 2, 2))
_NOT_FOUND: Final = 404


class GrafanaError(PlumblineError):
    """Grafana did not do what it was asked."""


class GrafanaAwayError(GrafanaError):
    """Nobody answers at that address, or somebody who is no Grafana."""


class GrafanaRefusedError(GrafanaError):
    """The token may not do that."""


class GrafanaVersionError(GrafanaError):
    """This Grafana cannot show the boards."""


class Grafana:
    """One organisation of a Grafana.

    Args:
        url: where it is, with its path if it has one: `https://grafana.example/`.
        token: of a service account with the role Admin.
        org: the organisation's number; `None`: the token's own.
    """

    def __init__(self, url: str, token: str, *, org: int | None = None) -> None:
        try:
            import requests  # noqa: PLC0415 - what grafana-client speaks through
            from grafana_client import GrafanaApi, TokenAuth  # noqa: PLC0415 - only who pushes needs it
        except ImportError as error:
            raise GrafanaError(
                f"{error.name} is not installed here; install plumbline-site[grafana], or mount dashboards/provisioning"
            ) from error
        self.url, parts = _address(url)
        api: Any = GrafanaApi
        made = api(
            TokenAuth(token),
            protocol=parts.scheme,
            host=f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname,
            port=parts.port,
            url_path_prefix=parts.path.strip("/") + "/" if parts.path.strip("/") else "",
            timeout=TIMEOUT_S,
            organization_id=org,
        )
        self._client: Any = made.client
        self._client.s.max_redirects = 0  # on its way to elsewhere a POST becomes a GET, and says nothing
        self._failures: type[Exception] = requests.exceptions.RequestException
        self._elsewhere: type[Exception] = requests.exceptions.TooManyRedirects
        self._unreadable: type[Exception] = requests.exceptions.JSONDecodeError

    def find(self, path: str) -> dict[str, Any] | None:
        """What is there; `None` where nothing is."""
        answer = self._ask("GET", path, may_miss=True)
        if answer is not None and not isinstance(answer, dict):
            raise self._strange(f"GET /api{path}")
        return cast("dict[str, Any] | None", answer)

    def every(self, path: str) -> list[dict[str, Any]]:
        """All that are there."""
        answer = self._ask("GET", path, may_miss=True)
        if answer is not None and not isinstance(answer, list):
            raise self._strange(f"GET /api{path}")
        return cast("list[dict[str, Any]]", answer or [])

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST; what Grafana says of the new thing."""
        answer = self._ask("POST", path, body)
        if not isinstance(answer, dict):
            raise self._strange(f"POST /api{path}")
        return cast("dict[str, Any]", answer)

    def replace(self, path: str, body: Mapping[str, Any]) -> None:
        """PUT."""
        self._ask("PUT", path, body)

    def version(self) -> str:
        """Its version, empty where it hides it. Raises `GrafanaVersionError` where it is too old, `GrafanaAwayError`."""
        health = self.find("/health")
        if health is None or "database" not in health:
            raise GrafanaAwayError(f"{self.url} answers, but is no Grafana; give the address that people open, with its path")
        version = str(health.get("version") or "")
        if (found := numbers(version)) and found < OLDEST:
            raise GrafanaVersionError(f"Grafana {version} at {self.url} is too old for the boards; bring it to 9.5 or newer")
        return version

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may_miss: bool = False) -> Any:
        from grafana_client.client import GrafanaException  # noqa: PLC0415 - installed, since there is a Grafana

        try:
            return getattr(self._client, method)(path, json=dict(body) if body is not None else None)
        except GrafanaException as error:
            told: Any = error
            status = int(told.status_code)
            if status == _NOT_FOUND and may_miss:
                return None
            raise _refusal(status, _words(told.response), f"{method} /api{path}", self.url) from error
        except self._elsewhere as error:
            raise GrafanaAwayError(f"{self.url} leads elsewhere; give the address that a browser ends at") from error
        except self._unreadable as error:
            raise self._strange(f"{method} /api{path}") from error
        except self._failures as error:
            raise GrafanaAwayError(
                f"no Grafana answers at {self.url} ({_first_line(error)}); check the address, and that it runs"
            ) from error

    def _strange(self, what: str) -> GrafanaAwayError:
        return GrafanaAwayError(
            f"{self.url} answers {what} with something else than Grafana would; give the address that people open"
        )


def numbers(version: str) -> tuple[int, ...]:
    """`10.2.3-pre` → (10, 2, 3); empty where there is none."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def shows_poorly(version: str) -> bool:
    """Whether boards on InfluxQL are known to fail on this version."""
    return bool(found := numbers(version)) and _POOR[0] <= found <= _POOR[1]


def _address(url: str) -> tuple[str, SplitResult]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise GrafanaError(f"'{url}' is no address ({error}); give one such as https://grafana.example") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise GrafanaError(
            f"'{url}' is no address of a Grafana; give one such as https://grafana.example, without a password in it"
        )
    return url.rstrip("/"), parts


def _refusal(status: int, words: str, what: str, url: str) -> GrafanaError:
    match status:
        case 401:
            return GrafanaRefusedError(
                f"{url} does not know this token (401, {words}); make one for a service account with role Admin"
            )
        case 403:
            return GrafanaRefusedError(
                f"{url}: this token may not do {what} (403, {words}); give its service account the role Admin"
            )
        case 404:
            return GrafanaError(
                f"{url} knows no {what} (404, {words}); check the address and its path, and that Grafana is 9.5 or newer"
            )
        case _:
            return GrafanaError(f"{url} refused {what} ({status}, {words})")


def _words(response: object) -> str:
    if isinstance(response, dict):
        told = cast("dict[str, Any]", response)
        response = told.get("message") or told
    return _first_line(response)


def _first_line(words: object) -> str:
    return (str(words).strip().splitlines() or ["no reason given"])[0][:300]
