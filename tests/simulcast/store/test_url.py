"""What REDIS_URL may be, and what is said of one that it may not be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulcast.errors import SettingRefused
from simulcast.settings.redis import explain
from simulcast.settings.shared import SharedSettings
from simulcast.settings.worker import WorkerSettings
from simulcast.store.url import parse, redacted_url


def test_sentinels_are_named_with_their_master_and_its_database() -> None:
    found = parse("redis+sentinel://me:p%40ss@one,two:26380,[::1]:26381/main/3?sentinel_password=p%40&client_name=me")
    assert (found.kind, found.master) == ("sentinel", "main")
    assert found.members == (("one", 26379), ("two", 26380), ("::1", 26381))
    assert found.url_for(("10.0.0.1", 6379)) == "redis://me:p%40ss@10.0.0.1:6379/3?client_name=me"
    assert found.sentinel_url_for(("::1", 26381)) == "redis://:p%40@[::1]:26381?"


def test_tls_and_its_certificates_are_for_sentinels_too() -> None:
    found = parse("rediss+sentinel://one/main?ssl_ca_certs=/ca.pem&sentinel_username=watch&sentinel_password=x")
    assert found.url_for(("h", 1)) == "rediss://h:1/0?ssl_ca_certs=%2Fca.pem"
    assert found.sentinel_url_for(("one", 26379)) == "rediss://watch:x@one:26379?ssl_ca_certs=%2Fca.pem"


def test_a_cluster_is_named_by_some_of_its_nodes() -> None:
    found = parse("redis+cluster://:secret@one:7000,two")
    assert (found.kind, found.members) == ("cluster", (("one", 7000), ("two", 6379)))
    assert found.url_for(("three", 7001)) == "redis://:secret@three:7001/0?"


@pytest.mark.parametrize(
    ("url", "prefix", "for_redis_py"),
    [
        ("redis://h", "simulcast:", "redis://h"),
        ("redis://h/0?client_name=x", "simulcast:", "redis://h/0?client_name=x"),
        ("redis://h/7?namespace=shop&client_name=x", "shop:7/", "redis://h/7?client_name=x"),
        ("unix:///run/redis.sock?db=2&namespace=shop", "shop:2/", "unix:///run/redis.sock?db=2"),
        ("redis+sentinel://h/main/3?namespace=shop", "shop:3/", "redis://d:1/3?"),
        ("redis+cluster://h?namespace=shop", "shop:", "redis://d:1/0?"),
    ],
)
def test_namespace_and_database_are_in_every_name_and_the_namespace_is_not_sent(
    url: str, prefix: str, for_redis_py: str
) -> None:
    address = parse(url)
    assert address.prefix == prefix
    assert (address.url_for(("d", 1)) if address.members else address.url) == for_redis_py


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://me:secret@host", "scheme"),
        ("me:secret@host", "scheme"),
        ("unix+sentinel://me:secret@/x", "scheme"),
        ("redis+proxy://me:secret@host", "scheme"),
        ("redis+sentinel://me:secret@host:26379", "name of the master is missing"),
        ("redis+sentinel://me:secret@host/main/one", "database is a number"),
        ("redis+sentinel://me:secret@/main", "names no host"),
        ("redis+cluster://me:secret@host/1", "no databases but 0"),
        ("redis+cluster://me:secret@host:0", "no number from 1 to 65535"),
        ("redis+cluster://me:secret@host,:7000", "no host in front"),
        ("redis+cluster://me:secret@[::1", "no IPv6 address"),
        ("redis://me:secret@host:port", "no number from 1 to 65535"),
        ("redis://:secret", "no number from 1 to 65535|no host in front"),
        ("redis://me:sec/ret@host", "percent-encode"),
        ("redis://me:sec?secret@host", "percent-encode"),
        ("redis://me:secret#secret@host", "percent-encode"),
        ("redis+sentinel://me:secret/secret@host/main", "percent-encode"),
        ("redis+cluster://me:sec ret@host", "percent-encode"),
        ("redis://me:secret@host/staging", "database is a number, not 'staging'"),
        ("redis://me:secret@host/1/2", "database is a number"),
        ("redis://me:secret@host/٣", "database is a number"),
        ("redis://me:secret@host?db=x", "database is a number"),
        ("redis://me:secret@host?decode_responses=true", "no option decode_responses"),
        ("redis://me:secret@host?socket_timeout=0", "no option"),
        ("redis://me:secret@host?ssl_ca_cert=/x", "did you mean ssl_ca_certs"),
        ("rediss://me:secret@host?ssl_cert_reqs=yes", "none, optional, required"),
        ("unix://me:secret@/run/redis.sock?bd=1", "no option bd"),
        ("redis://me:secret@host?namespace=a:b", "namespace is 1 to 50 of"),
        ("redis+cluster://me:secret@host?namespace=", "namespace is 1 to 50 of"),
        ("redis://me:secret@host?ssl_cert_reqs=none", "ssl_cert_reqs is for TLS"),
        ("redis+cluster://me:secret@host?ssl_ca_certs=/x", "ssl_ca_certs is for TLS"),
        ("unix://me:secret@/x?ssl_check_hostname=false", "ssl_check_hostname is for TLS"),
        ("redis://me:secret@host?sentinel_password=secret", "sentinel_password is for redis.sentinel://"),
        ("redis+cluster://me:secret@host?sentinel_username=secret", "sentinel_username is for redis.sentinel://"),
        ("redis://me:secret@host?client_name=a%20b", "client_name is printable ASCII without spaces"),
        ("redis://me:secret@host?client_name=%ff", "client_name is printable ASCII without spaces"),
        ("redis://me:secret@host?client_name=", "client_name is printable ASCII without spaces"),
        ("redis://me:secret@host?db=1&db=2", "there twice"),
        ("redis://me:secret@host/3?db=1", "name two databases"),
        ("redis+sentinel://me:secret@host/main/3?db=1", "name two databases"),
        ("redis+cluster://me:secret@host?db=3", "no databases but 0"),
        ("redis://me:secret@[::zz]:6379", "no IPv6 address"),
        ("redis+sentinel://me:secret@[]/main", "no IPv6 address"),
        ("unix://", "path of its socket is missing"),
        ("unix://me:secret@host/x.sock", "a host in front"),
    ],
)
def test_what_it_may_not_be_is_named_without_its_password(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as told:
        parse(url)
    assert "secret" not in str(told.value) and "redis+sentinel://host:26379,host2:26379/master" in str(told.value)


def test_a_setting_is_refused_without_its_password() -> None:
    with pytest.raises(ValidationError) as told:
        SharedSettings(REDIS_URL="redis+sentinel://me:secret@host")
    assert "secret" not in str(told.value)
    assert explain(told.value).startswith("REDIS_URL=redis+sentinel://host: ")
    assert "secret" not in explain(told.value)


def reason(url: str) -> str:
    """Why an address is refused; "" where it is not."""
    try:
        parse(url)
    except ValueError as error:
        return str(error)
    return ""


@given(
    st.text(max_size=40),
    st.sampled_from(["redis", "rediss", "redis+sentinel", "redis+cluster", "http"]),
)
def test_a_password_is_in_no_message_however_the_address_is_written(rest: str, scheme: str) -> None:
    forms = (
        f"{scheme}://me:SECRET{rest}@host/main",
        f"{scheme}://:{rest.replace('@', '')}SECRET",
        f"{scheme}://u:SECRET@",
    )
    for url in forms:
        assert "SECRET" not in redacted_url(url) + reason(url)


def test_a_proxy_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULCAST_DOWNLOAD_PROXIES", "http://one:3128, http://me:secret@two:3128,http://a:secret@@b")
    with pytest.raises(SettingRefused) as refused:
        WorkerSettings.from_environment()
    assert "secret" not in str(refused.value) and "two:3128" in str(refused.value)
