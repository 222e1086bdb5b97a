"""The official parser of AsyncAPI, from npm, in a folder of the virtual environment."""

import asyncio
import fcntl
import json
import subprocess
import sys
from pathlib import Path

from tests.tools import program_path

PACKAGE = "@asyncapi/parser@3.6.6"
_ERROR, _WARNING = 0, 1
_SCRIPT = """
import { Parser } from "@asyncapi/parser";
let text = "";
for await (const part of process.stdin) text += part;
console.log(JSON.stringify(await new Parser().validate(text)));
"""


def installed() -> Path:
    """Return the folder."""
    npm = program_path("npm", "npm")
    folder = Path(sys.prefix) / "asyncapi-parser"
    folder.mkdir(exist_ok=True)
    with (folder / "installed").open("a+") as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        record.seek(0)
        if record.read() != PACKAGE:
            options = ("--no-audit", "--no-fund", "--ignore-scripts", "--silent")
            subprocess.run((npm, "install", *options, PACKAGE), cwd=folder, check=True, timeout=200)
            record.truncate(0)
            record.write(PACKAGE)
    return folder


async def diagnose(folder: Path, document: object) -> list[str]:
    """Return the errors and warnings of the document."""
    process = await asyncio.create_subprocess_exec(
        *("node", "--input-type=module", "--eval", _SCRIPT),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate(json.dumps(document).encode())
    found = json.loads(output)
    return [
        f"{'/'.join(map(str, each['path']))}: {each['message']}"
        for each in found
        if each["severity"] in (_ERROR, _WARNING)
    ]
