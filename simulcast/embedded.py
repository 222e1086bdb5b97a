"""The server that `simulcast up` brings: a real Valkey as a child, supervised.

It keeps what it was told (append-only file), dies with the process that started it, isn't reached by Ctrl-C while the
rest still drains, and no second one can start on its folder while it lives.

Who may do what: the user `simulcast`, whose password is new at each start and stands in `<data>/redis.url` (mode 0600),
may do everything. Without a password one may PUBLISH to `simulcast:*` and nothing else, which is what a plain
`redis-cli PUBLISH` needs: seen live, never kept, never able to forge a position.
"""

import asyncio
import errno
import fcntl
import logging
import os
import secrets
import shutil
import signal
import socket
import stat
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

import redis

from simulcast.connection import connect
from simulcast.errors import EmbeddedServerError
from simulcast.server_binary import find_server
from simulcast.settings import URL_FILE
