"""WordPress' error answers: `{"code", "message", "data": {"status"}}`."""

from typing import Any

from sandbox.wire import Response, json_response
from sandbox.wordpress.records import User


class Refused(Exception):
    """WordPress answers with this error."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message, "data": {"status": status, **data}}

    @classmethod
    def parameter(cls, name: str, why: str) -> "Refused":
        return cls(
            400,
            "rest_invalid_param",
            f"Invalid parameter(s): {name}",
            params={name: why},
            details={name: {"code": "rest_invalid_param", "message": why, "data": None}},
        )

    def response(self) -> Response:
        return json_response(self.body, status=self.status)


def not_allowed(user: User | None, code: str, message: str) -> Refused:
    """401 for strangers, 403 for users whose role does not suffice (`rest_authorization_required_code`)."""
    return Refused(403 if user else 401, code, message)
