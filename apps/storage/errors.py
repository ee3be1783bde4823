"""The two ways in which content cannot be had."""

from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pymongo.errors import PyMongoError, WriteError

from apps.shared.errors import OperationRefused


class BodyMissing(OperationRefused):
    """The content of this record is missing. Operators have been told."""

    code = "body_missing"
    http_status = 500


class StorageUnavailable(OperationRefused):
    """The content store does not answer at the moment. Nothing was lost; try again in a minute."""

    code = "storage_unavailable"
    http_status = 503


@contextmanager
def translated():
    """Turn what the two drivers raise into the two failures; a refused document stays the defect it is."""
    try:
        yield
    except WriteError:
        raise
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "NoSuchVersion", "404"}:
            raise BodyMissing from error
        raise StorageUnavailable from error
    except (BotoCoreError, PyMongoError) as error:
        raise StorageUnavailable from error
