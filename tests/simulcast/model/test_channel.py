"""Names in Redis: no two services and no two channels share one."""

from hypothesis import given
from hypothesis import strategies as st

from simulcast.model.channel import CHANNEL_PATTERN, DEFAULT_NAMESPACE, NAMESPACE_PATTERN, ChannelNames, name_prefix

Service = tuple[str, int, str]
SERVICES = st.tuples(
    st.just(DEFAULT_NAMESPACE) | st.from_regex(NAMESPACE_PATTERN, fullmatch=True).filter(str.isascii),
    st.integers(0, 15),
    st.sampled_from(["wake", "1", "1:wake", "job", "gone:a"])
    | st.from_regex(CHANNEL_PATTERN, fullmatch=True).filter(str.isascii),
)


def names_of(service: Service) -> set[str]:
    namespace, database, channel = service
    names = ChannelNames(channel, name_prefix(namespace, database))
    keys = [*names.stream_keys, *names.job_keys, *names.process_keys, names.job_prefix, names.dedup_key("k")]
    return {names.pubsub, names.wake, *keys}


@given(SERVICES, SERVICES)
def test_two_channels_two_databases_or_two_namespaces_share_no_name(one: Service, other: Service) -> None:
    assert one == other or names_of(one).isdisjoint(names_of(other))


def test_no_channel_has_the_name_that_wakes_workers() -> None:
    wake = ChannelNames("downloads").wake
    assert ChannelNames("downloads:wake").pubsub != wake
    assert not wake.removeprefix("simulcast:").isidentifier() and "/" in wake


def test_the_names_of_the_default_namespace_and_database_stay() -> None:
    assert ChannelNames().pubsub == "simulcast:downloads"
    assert ChannelNames().meta == "{simulcast:downloads}:meta"
    assert ChannelNames("a", name_prefix("shop", 3)).history == "{shop:3/a}:history"
