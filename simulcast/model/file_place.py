"""The name and the folder of a download's file, as clients give them: the worker makes both safe for a file system."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from simulcast.model.channel_folder import CHANNELS_FOLDER

MAX_NAME_CHARS: Final = 200
MAX_FOLDER_CHARS: Final = 500
MAX_FOLDER_DEPTH: Final = 16
MAX_FOLDER_NAME_BYTES: Final = 200  # file systems take 255: a worker never has to cut one


def _validate_name(name: str) -> str:
    if name in (".", "..") or not name.strip(". "):
        raise ValueError("is no name of a file")
    if "/" in name or "\\" in name or not name.isprintable():
        raise ValueError("is the name of a file alone: no folders, no control characters")
    return name


def _validate_folder(path: str) -> str:
    names = path.split("/")
    if path.startswith("/"):
        raise ValueError("begins with a slash, and lies below the download folder: write it like films/2026")
    if len(names) > MAX_FOLDER_DEPTH:
        raise ValueError(f"has {len(names)} names, one below the other: leave some out, to {MAX_FOLDER_DEPTH} at most")
    if names[0].strip(". ").casefold() == CHANNELS_FOLDER:
        raise ValueError(f"begins with {names[0]}, the folder of all other channels: choose another name")
    for name in names:
        _validate_folder_name(name)
    return path


def _validate_folder_name(name: str) -> None:
    shown = repr(name[:40])
    if not name:
        raise ValueError("has an empty name: write one slash between two names, and none at the end")
    if "\\" in name or not name.isprintable():
        raise ValueError(f"has a backslash or a control character in {shown}: leave it out, and separate names by /")
    if name.startswith(".") or not name.strip(". "):
        raise ValueError(f"has the name {shown}: choose one that begins with no dot, and is no space alone")
    if ".part." in name:
        raise ValueError(f"has the name {shown}, which looks like a part file's: leave out .part.")
    if len(name.encode()) > MAX_FOLDER_NAME_BYTES:
        raise ValueError(
            f"has a name of {len(name.encode())} bytes in UTF-8, {shown}…: "
            f"choose one of {MAX_FOLDER_NAME_BYTES} at most"
        )


FileName = Annotated[
    str, Field(max_length=MAX_NAME_CHARS, description="the name of the file"), AfterValidator(_validate_name)
]
FileFolder = Annotated[
    str,
    Field(
        max_length=MAX_FOLDER_CHARS,
        description="of the file, below the download folder; made if it is missing",
        examples=["films/2026"],
    ),
    AfterValidator(_validate_folder),
]
_file_name: TypeAdapter[str] = TypeAdapter(FileName)


def parse_file_name(value: object) -> str:
    """Return the name of a file, as a client gives it. Raises ValueError that says what is wrong with it."""
    try:
        return _file_name.validate_python(value, strict=True)
    except ValidationError as error:
        raise ValueError(error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")) from None
