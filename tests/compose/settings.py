"""A `.env` that sets every documented setting of the containers, each to something else than its default."""

# Settings about the inside of the containers, or what nginx publishes in their place; the file sets them.
SET_BY_THE_FILE = {
    "REDIS_URL",
    "SIMULCAST_HOST",
    "SIMULCAST_PORT",
    "SIMULCAST_FILES_DIR",
    "SIMULCAST_ADMIN_HOST",
    "SIMULCAST_ADMIN_PORT",
    "SIMULCAST_DOWNLOAD_DIR",
    "SIMULCAST_HOST_DOWNLOAD_DIR",
}
SET = {
    "all": {
        "SIMULCAST_SILENT_TTL_S": "601",
        "SIMULCAST_LOG": "debug",
        "SIMULCAST_LOG_FORMAT": "json",
        "SIMULCAST_TRACING_URL": "http://collector.example:4318/v1/traces",
        "SIMULCAST_DOWNLOAD_SCHEMES": "https",
        "SIMULCAST_USER_CHANNELS": "user.",
    },
    "app": {
        "SIMULCAST_ALLOWED_HOSTS": "a.example,b.example",
        "SIMULCAST_ALLOWED_ORIGINS": "https://a.example",
        "SIMULCAST_OPEN_TO_EVERYONE": "false",
        "SIMULCAST_TOKEN_SECRET": "$uch a secret # of text",
        "SIMULCAST_TOKEN_PUBLIC_KEY_FILE": "keys.pem",
        "SIMULCAST_TOKEN_JWKS_URL": "https://id.example/jwks.json",
        "SIMULCAST_COMPRESSION": "true",
        "SIMULCAST_LATENCY_FIRST": "true",
        "SIMULCAST_ACCESS_LOG": "true",
        "SIMULCAST_CONNECTIONS_PER_ADDRESS": "77",
        "SIMULCAST_DRAIN_S": "7",
        "SIMULCAST_PROXIES": "192.0.2.1",
    },
    "worker": {
        "SIMULCAST_PUBLIC_DOWNLOAD_DIR": "/a share/x",
        "SIMULCAST_ALLOW_NETWORKS": "192.168.7.0/24",
        "SIMULCAST_SFTP_KNOWN_HOSTS": "known_hosts",
        "SIMULCAST_LEASE_S": "17",
        "SIMULCAST_WORKER_CHANNELS": "nightly,team-*",
        "SIMULCAST_WEBHOOKS": "https://a.example/ends,https://b.example/?token=$1",
        "SIMULCAST_ON_END": "/downloads/on_end",
        "SIMULCAST_NOTIFY": "ntfy://a.example/topic",
        "SIMULCAST_WEBHOOK_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
        "SIMULCAST_MAX_CONCURRENT_DOWNLOADS": "7",
        "SIMULCAST_DOWNLOADS_PER_HOST": "6",
        "SIMULCAST_CONNECTIONS_PER_DOWNLOAD": "5",
        "SIMULCAST_CONNECTIONS_PER_HOST": "9",
        "SIMULCAST_MAX_SPEED": "4MB",
        "SIMULCAST_MIN_SPEED": "1KiB",
        "SIMULCAST_READ_TIMEOUT_S": "31",
        "SIMULCAST_RETRIES": "3",
        "SIMULCAST_RETRY_BASE_DELAY_S": "2",
        "SIMULCAST_MAX_FILE_BYTES": "20GB",
        "SIMULCAST_MIN_FREE_BYTES": "1GB",
        "SIMULCAST_KEEP_MODIFIED_TIME": "false",
        "SIMULCAST_DOWNLOAD_PROXIES": "http://proxy.example:3128",
    },
}
FILES = {"SIMULCAST_TOKEN_PUBLIC_KEY_FILE", "SIMULCAST_SFTP_KNOWN_HOSTS"}
# Of a file, it prints the content.
PRINT_ENVIRONMENT = """
import json, os
from pathlib import Path
files = {name: Path(value).read_text() for name, value in os.environ.items() if value.startswith("/run/")}
print(json.dumps({**os.environ, **files}))
"""
