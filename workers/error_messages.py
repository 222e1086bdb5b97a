"""Why a download failed, in one sentence for the person who asked for it."""

import errno

from workers.errors import DownloadFailed
from workers.printable import printable

MAX_REASON_CHARS = 500

_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the worker's file system allows",
    errno.EROFS: "the download folder is read-only",
    errno.EACCES: "the worker may not write into the download folder",
    errno.EPERM: "the worker may not write into the download folder",
    errno.ENOENT: "the part file or its folder is gone",
    errno.EXDEV: "the folder is on another mount than the download folder: choose another one",
    errno.EIO: "the disk reported an error",
    errno.EMFILE: "the worker has too many open files",
    errno.ENFILE: "the worker's machine has too many open files",
}


def message_for(error: BaseException) -> str:
    """Return the reason on one line of at most MAX_REASON_CHARS, with no URL, password or query in it.

    `error` comes from fetch, publish or open_folder. Of any other only the class is named: its text was not written
    for people and may carry anything.
    """
    sentence = printable(_sentence(error))
    return sentence if len(sentence) <= MAX_REASON_CHARS else sentence[: MAX_REASON_CHARS - 1] + "…"


def _sentence(error: BaseException) -> str:
    match error:
        case DownloadFailed():
            return str(error)
        case TimeoutError():
            return "it took too long"
        case OSError():
            return _DISK.get(error.errno or 0, "the file could not be written")
        case _:
            return f"the worker met an unexpected error ({type(error).__name__}); its log has more"
