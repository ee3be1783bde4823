"""How much of an uploaded file is taken in. Forms are parsed before any view runs, so the limit stands here."""

from io import BytesIO

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

LARGEST_BYTES = 10 * 1024 * 1024  # of all files of one request


class LimitedUpload(FileUploadHandler):
    """The only handler: files stay in memory, and what is beyond the limit is read off the wire and kept nowhere.

    A file that is too large comes to the form empty, with the size it had, so the form can say what is wrong.
    """

    def __init__(self, request=None):
        super().__init__(request)
        self._taken = 0

    def new_file(self, *args, **kwargs):
        super().new_file(*args, **kwargs)
        self._kept = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._taken += len(raw_data)
        if self._taken > LARGEST_BYTES:
            self._kept = BytesIO()
        else:
            self._kept.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        self._kept.seek(0)
        return UploadedFile(self._kept, self.file_name, self.content_type, file_size)
