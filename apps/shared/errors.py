"""What an operation may answer instead of doing what was asked.

Doors translate: a portal shows the sentence, the API answers problem+json, a task logs it, a command fails with it.
"""

import inspect


class OperationRefused(Exception):
    """This cannot be done now."""

    code = "refused"
    http_status = 409

    def __init__(self, detail: str | None = None):
        self.detail = detail or inspect.getdoc(type(self)) or self.code
        super().__init__(self.detail)


class NotFound(OperationRefused):
    """There is no such record."""

    code = "not_found"
    http_status = 404


class NotAllowed(OperationRefused):
    """Your role does not allow this."""

    code = "not_allowed"
    http_status = 403


class InvalidInput(OperationRefused):
    """Some of the input cannot be used."""

    code = "invalid_input"
    http_status = 400

    def __init__(self, errors: dict[str, list[str]]):
        """`errors` maps a field name to the sentences shown beside it."""
        self.errors = errors
        super().__init__(" ".join(f"{field}: {text}" for field, texts in errors.items() for text in texts))
