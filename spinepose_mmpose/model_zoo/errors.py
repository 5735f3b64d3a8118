"""What can go wrong with a download, as one sentence each."""


class DownloadError(OSError):
    """A file could not be had; the message says which, from where and why.

    Attributes:
        local: the trouble lies on this machine, so that no other address
            would help.
    """

    def __init__(self, message: str, local: bool = False):
        super().__init__(message)
        self.local = local


class DigestMismatch(DownloadError):
    """A file is not the one that was expected or recorded."""
