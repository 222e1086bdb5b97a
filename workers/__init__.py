"""A download worker: takes queued URLs, downloads them, reports, and does what it is told."""
