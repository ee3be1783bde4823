"""The two ways in which content cannot be had, and the one in which it cannot be kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError
from pymongo.errors import ConnectionFailure, DuplicateKeyError, PyMongoError, WriteError

from apps.shared.errors import OperationRefused


class BodyMissing(OperationRefused):
    """The content of this record is missing. Operators have been told."""

    code = "body_missing"
    http_status = 500


class StorageUnavailable(OperationRefused):
    """The content store does not answer at the moment. Nothing was lost; try again in a minute."""

    code = "storage_unavailable"
    http_status = 503


class VersionTaken(OperationRefused):
    """Somebody else changed this at the same moment. Read the new version, then change that one."""

    code = "version_taken"


_waited: ContextVar[list[Exception] | None] = ContextVar("waited", default=None)


@contextmanager
def waiting_once() -> Iterator[None]:
    """In here a store that did not answer is not asked again: a page of many texts waits for it once, not for each."""
    token = _waited.set([])
    try:
        yield
    finally:
        _waited.reset(token)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the two drivers raise into these; a document refused for its shape stays the defect it is."""
    waited = _waited.get()
    if waited:
        raise StorageUnavailable from waited[0]
    try:
        yield
    except DuplicateKeyError as error:  # two writers counted the same next version
        raise VersionTaken from error
    except WriteError:
        raise
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "NoSuchVersion", "404"}:
            raise BodyMissing from error
        raise StorageUnavailable from error
    except (BotoCoreError, PyMongoError) as error:
        if waited is not None and isinstance(error, (ConnectionFailure, ConnectTimeoutError, EndpointConnectionError)):
            waited.append(error)
        raise StorageUnavailable from error
