"""The two ways in which content cannot be had, and the one in which it cannot be kept."""

from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pymongo.errors import DuplicateKeyError, PyMongoError, WriteError

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


@contextmanager
def translated():
    """Turn what the two drivers raise into these; a document refused for its shape stays the defect it is."""
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
        raise StorageUnavailable from error
