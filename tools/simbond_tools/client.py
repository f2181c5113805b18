"""A client of the verifier's operator API (docs/api.md)."""

import ssl
from collections.abc import Iterator
from typing import Any

import httpx


class Unreachable(Exception):
    """The server did not answer; the message says what to check."""


class ApiProblem(Exception):
    """The server refused; the attributes are those of its problem document (RFC 9457)."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(document.get("detail", f"the server answered {status}"))
        self.status = status
        self.code = str(document.get("type", "")).rpartition(":")[2] or "http"
        self.faults: list[dict[str, Any]] = document.get("faults", [])


class Api:
    """The operator API at a URL, with a token. Raises Unreachable and ApiProblem."""

    def __init__(self, url: str, token: str, ca: str | None = None) -> None:
        """ca: a PEM file with the certificate authority, where the system does not know it."""
        try:
            verify = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as e:
            raise Unreachable(f"The CA file {ca} cannot be used: {e}.") from None
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {token}"}, verify=verify, timeout=60
        )

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The document at a path. Parameters that are None are left out."""
        return self._send("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, document: dict[str, Any]) -> Any:
        return self._send("POST", path, json=document)

    def post_csv(self, path: str, text: bytes, **query: Any) -> Any:
        return self._send("POST", path, content=text, params=query, headers={"content-type": "text/csv"})

    def pages(self, path: str, member: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every element of a list that comes in pages."""
        after = ""
        while True:
            page = self.get(path, after=after, **query)
            yield from page[member]
            if page["next"] is None:
                return
            after = page["next"]

    def _send(self, method: str, path: str, **more: Any) -> Any:
        try:
            response = self._http.request(method, path, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise Unreachable(
                f"No answer from {self.url} ({e or type(e).__name__}). Is 'simbond serve' running there? "
                "Check --url, and --ca where its certificate is your own."
            ) from None
        try:
            document = response.json()
        except ValueError:
            document = {
                "detail": f"{self.url} answered {response.status_code}, and not as a verifier does; check --url."
            }
            raise ApiProblem(response.status_code, document) from None
        if response.is_error:
            raise ApiProblem(response.status_code, document)
        return document
