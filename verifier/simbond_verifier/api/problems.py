"""Errors of the service as problem details (RFC 9457). Bad Evidence is none: it gets a verdict."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An error with an HTTP status, raised anywhere below the API."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        """code: stable, for machines. detail: says what to do next. more: further members of the document."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def document(self) -> dict[str, Any]:
        return {
            "type": f"urn:simbond:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }

    def response(self) -> Response:
        retry = {"retry-after": str(self.more["retry_after_s"])} if "retry_after_s" in self.more else {}
        return Response(
            json.dumps(self.document(), ensure_ascii=False).encode(),
            self.status,
            self.headers | retry,
            media_type=MEDIA_TYPE,
        )
