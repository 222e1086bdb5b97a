"""A worker of a host that MODEL_HOST names, which looks for part files without a record every second."""

import os
from unittest import mock

from workers import worker
from workers.__main__ import main

if __name__ == "__main__":
    with (
        mock.patch("socket.gethostname", return_value=os.environ["MODEL_HOST"]),
        mock.patch.object(worker, "STRAY_INTERVAL_S", 1.0),
    ):
        main()
