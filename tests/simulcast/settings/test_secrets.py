"""Settings with addresses and secrets in them: whatever is refused, no message and no `repr` shows a password."""

from pathlib import Path

import pytest

from simulcast.errors import SettingRefused
from simulcast.settings.front_end import FrontEndSettings
from simulcast.settings.redis import RedisSettings, setting_name
from simulcast.settings.worker import WorkerSettings
from simulcast.store.url import parse
from workers.http.url import PROXIES, URL

VALUES = [
    *("http://u:SECRET@h", "http://u:SECRET,x@h", "http://u:x,SECRET@h", "http://u:SECRET x@h", "u:SECRET@h:1"),
    *(
        "http://u:a'SECRET@h",
        "//u:SECRET@h",
        "http://u:SE@SECRET@h",
        "http://u:SECRET",
        "http://u:SECRET@",
        ":SECRET@h",
    ),
    "http://one:3128,http://u:SECRET@two,http://three",
]
NAMED_BY_CHOICE = {
    "public_download_dir",
    "download_dir",
    "host_download_dir",
    "files_dir",
    "host",
    "admin_host",
    "allowed_hosts",
    "sftp_known_hosts",
    "on_end",
}  # any text


@pytest.mark.parametrize("kind", [WorkerSettings, FrontEndSettings])
@pytest.mark.parametrize("value", VALUES)
def test_no_setting_shows_a_password_that_was_put_into_it(
    kind: type[WorkerSettings | FrontEndSettings], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attribute in set(kind.model_fields) - NAMED_BY_CHOICE:
        with monkeypatch.context() as patch:
            patch.setenv(setting_name(attribute), value)
            try:
                settings = kind.from_environment()
                shown = repr(settings)
                if isinstance(settings, FrontEndSettings):
                    settings.token_keys()
            except SettingRefused as error:
                shown = str(error).replace("TOKEN_SECRET", "")
            assert "SECRET" not in shown, attribute


def test_the_address_of_redis_shows_no_password() -> None:
    for url in (
        "redis://u:SECRET@h",
        "redis+sentinel://u:SECRET@h/m?sentinel_password=SECRET",
        "redis://h?password=SECRET",
    ):
        assert "SECRET" not in repr(parse(url)) + repr(WorkerSettings(REDIS_URL=url))


def test_a_private_key_in_place_of_its_path_is_not_shown() -> None:
    settings = FrontEndSettings.from_environment(token_public_key_file=f"{'-' * 5}BEGIN PRIVATE KEY{'-' * 5}\nSECRET")
    with pytest.raises(SettingRefused) as refused:
        settings.token_keys()
    assert "SECRET" not in str(refused.value) + repr(settings)


@pytest.mark.parametrize(
    "proxy", ["http://h:99999", "http://h:0", "http://u:x", "http://[zz]:1", "http://[::1", "http://ü"]
)
def test_a_proxy_that_no_download_could_name_is_refused(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULCAST_DOWNLOAD_PROXIES", proxy)
    with pytest.raises(SettingRefused, match="each looks like"):
        WorkerSettings.from_environment()


@pytest.mark.parametrize("proxy", ["http://h", "http://h:3128/", "socks5://[::1]:1080"])
def test_a_proxy_that_a_download_can_name_is_taken(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULCAST_DOWNLOAD_PROXIES", proxy)
    assert WorkerSettings.from_environment().download_proxies == (proxy,)
    URL.parse(proxy, PROXIES)


@pytest.mark.parametrize("name", ["MAX_SPEED", "MIN_SPEED", "MAX_FILE_BYTES", "MIN_FREE_BYTES"])
def test_a_number_of_bytes_beyond_every_calculation_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SIMULCAST_{name}", "9" * 400)
    with pytest.raises(SettingRefused, match=name):
        WorkerSettings.from_environment()


@pytest.mark.parametrize("content", [None, b"\xff", b"http://u:SECRET@h", b"redis://h?bd=1"])
def test_a_file_with_an_address_that_makes_no_sense_is_named(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "redis.url"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(SettingRefused, match=r"redis\.url.*Set REDIS_URL") as refused:
        RedisSettings().resolved_redis_url(tmp_path)
    assert "SECRET" not in str(refused.value)


def test_a_file_in_the_place_of_the_folder_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("someone's")
    assert RedisSettings().resolved_redis_url(tmp_path / "data") == "redis://localhost:6379/0"
