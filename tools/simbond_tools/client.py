"""A client of the verifier's operator API (docs/api.md)."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from math import ceil
from time import sleep
from typing import Any

import httpx

from simbond_tools.i18n import _

PAGE = 1000
_IMPORT_S = 600.0
"""A list of a million cards is answered once all of it is stored."""
_BUSY = (429, 503)
_ATTEMPTS = 3
_LONGEST_S = 86400.0
_PATIENCE_S = 10.0
"""So long, in all, a call that may be repeated waits for a server that says when it is to be asked again."""


class BadSetting(ValueError):
    """URL, token or CA file cannot be used; the message says why."""


class Unreachable(Exception):
    """The server did not answer, or not as a verifier does; the message says what to check."""


class ApiProblem(Exception):
    """The server refused; the attributes are those of its problem document (RFC 9457)."""

    def __init__(self, status: int, document: dict[str, Any], retry_after_s: float | None = None) -> None:
        """more: the members beyond the standard's own; `faults` among them is a list of objects. retry_after_s: when
        it asks to be asked again."""
        detail = str(document.get("detail", f"the server answered {status}"))
        if retry_after_s is not None:
            detail = _("{detail} Try again in {seconds} s.").format(detail=detail, seconds=ceil(retry_after_s))
        super().__init__(detail)
        self.status = status
        self.code = str(document.get("type", "")).rpartition(":")[2] or "http"
        self.more = {k: v for k, v in document.items() if k not in ("type", "title", "status", "detail", "instance")}
        faults = self.more.pop("faults", None)
        if isinstance(faults, list):
            self.more["faults"] = [f for f in faults if isinstance(f, dict)]

    @property
    def is_about_content(self) -> bool:
        """Whether what was sent is refused for what it says: not for who sent it, nor for the server's state."""
        return self.status in (409, 422)


class _Document(dict[str, Any]):
    """An object of an answer. Where a member is missing, another program or version has answered."""

    def __missing__(self, member: str) -> Any:
        raise Unreachable(
            _("The answer has no '{member}': the server is no verifier, or of another version. Check --url.").format(
                member=member
            )
        )


class Api:
    """The operator API at a URL, with a token. Its calls raise Unreachable and ApiProblem."""

    def __init__(self, url: str, token: str, ca: str | None = None, connect_s: float = 60) -> None:
        """ca: a PEM file with the certificate authority, where the system does not know it. connect_s: how long to wait
        until the server is there at all. Raises BadSetting."""
        if not (token.isascii() and token.isprintable()):
            raise BadSetting(_("The token holds characters that no token has; copy it again."))
        try:
            verify = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as e:
            raise BadSetting(_("The CA file {ca} cannot be used: {why}.").format(ca=ca, why=e)) from None
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {token}"},
            verify=verify,
            timeout=httpx.Timeout(60, connect=connect_s),
            # No proxy stands between us and our own machine.
            trust_env=not is_loopback(url),
        )

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The document at a path. Parameters that are None are left out."""
        query = {k: v for k, v in query.items() if v is not None}
        return self._document(self._patiently(lambda: self._send("GET", path, params=query)))

    def post(self, path: str, document: dict[str, Any] | None = None, *, hours: float | None = None) -> Any:
        """hours: how long the answer may take, where it is more than a minute."""
        timeout = {} if hours is None else {"timeout": httpx.Timeout(60, read=3600 * hours)}
        return self._document(self._send("POST", path, json=document or {}, **timeout))

    def post_again(self, path: str, document: dict[str, Any]) -> Any:
        """The same for what is done once, however often it is sent: it waits for a busy server as `get` does."""
        return self._document(self._patiently(lambda: self._send("POST", path, json=document)))

    def post_csv(self, path: str, text: bytes, **query: Any) -> Any:
        headers = {"content-type": "text/csv"}
        timeout = httpx.Timeout(60, read=_IMPORT_S)
        return self._document(self._send("POST", path, content=text, params=query, headers=headers, timeout=timeout))

    def post_lines(self, path: str, lines: list[str]) -> Any:
        """Sends JSON documents, one a line."""
        headers = {"content-type": "application/x-ndjson"}
        return self._document(self._send("POST", path, content="\n".join(lines).encode(), headers=headers))

    def post_log(self, path: str, octets: bytes) -> Any:
        """Sends a part of a station's log; like `post_again`."""
        headers = {"content-type": "application/cbor-seq"}
        return self._document(self._patiently(lambda: self._send("POST", path, content=octets, headers=headers)))

    def download(self, path: str, **query: Any) -> Iterator[bytes]:
        """What is at a path, in pieces, however long it is. Nothing of it is looked at."""
        request = self._http.build_request("GET", path, params=query, timeout=httpx.Timeout(60, read=_IMPORT_S))
        try:
            response = self._patiently(lambda: self._http.send(request, stream=True))
            with closing(response):
                if not response.is_success:
                    response.read()
                    self._document(response)
                yield from response.iter_bytes()
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise self._no_answer(e) from None

    def pages(self, path: str, member: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every element of a list that comes in pages."""
        after = None
        while True:
            page = self.get(path, after=after, **({"limit": PAGE} | query))
            yield from page[member]
            if page["next"] is None:
                return
            after = page["next"]

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise self._no_answer(e) from None

    @staticmethod
    def _patiently(send: Callable[[], httpx.Response]) -> httpx.Response:
        """What is answered in the end, for a call that may be repeated."""
        response, left = send(), _PATIENCE_S
        for _attempt in range(1, _ATTEMPTS):
            wait_s = _retry_after(response)
            if wait_s is None or wait_s > left:
                break
            response.close()
            left -= wait_s
            sleep(wait_s)
            response = send()
        return response

    def _no_answer(self, e: Exception) -> Unreachable:
        told = _(
            "No answer from {url} ({why}). Is there a network here? Is 'simbond serve' running there? "
            "Check --url (http or https), and --ca where the certificate is your own."
        )
        return Unreachable(told.format(url=self.url, why=e or type(e).__name__))

    def _document(self, response: httpx.Response) -> Any:
        try:
            document = json.loads(response.content, object_hook=_Document)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or response.is_redirect:
            told = _("{url} answered {status}, and not as a verifier does; check --url.")
            raise Unreachable(told.format(url=self.url, status=response.status_code)) from None
        if not response.is_success:
            raise ApiProblem(response.status_code, document, _retry_after(response))
        return document


def _retry_after(response: httpx.Response) -> float | None:
    """In how many seconds a busy server wants to be asked again (RFC 9110 section 10.2.3): it may state a moment, too.
    None: it is not busy, or does not say."""
    stated = response.headers.get("retry-after", "") if response.status_code in _BUSY else ""
    if stated.isascii() and stated.isdecimal():
        return min(float(stated), _LONGEST_S)
    try:
        moment = parsedate_to_datetime(stated)
        return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_S)
    except (ValueError, TypeError, OverflowError):  # TypeError: a moment of no time zone
        return None


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = httpx.URL(url).host
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
