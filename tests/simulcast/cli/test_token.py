"""`simulcast token`."""

from pathlib import Path

from app.access.tokens import verify
from simulcast.frontend.grant import Grant
from simulcast.settings.token_keys import pem_keys, secret_key
from tests.command_line import Command, assert_complaint
from tests.signed_tokens import SECRET, grant_of, rsa_key


def test_token_is_one_that_front_ends_accept(simulcast: Command, tmp_path: Path) -> None:
    private, public = rsa_key()
    (tmp_path / "private.pem").write_text(private)
    asked = ("token", "--scope", "watch", "--scope", "command", "--channel", "a", "--channel", "b-*")
    by_key = simulcast(*asked, "--private-key-file", str(tmp_path / "private.pem")).stdout.strip()
    by_secret = simulcast(*asked, SIMULCAST_TOKEN_SECRET=SECRET).stdout.strip()
    for grant in (grant_of(by_secret), grant_of(by_key, pem_keys(public))):
        assert grant.scopes == {"watch", "command"} and grant.channels == ("a", "b-*")


def test_a_user_s_token_names_no_channels_unless_they_are_given(simulcast: Command) -> None:
    def grant(*given: str) -> Grant:
        asked = ("token", "--scope", "watch", *given)
        return verify(simulcast(*asked, SIMULCAST_TOKEN_SECRET=SECRET).stdout.strip(), [secret_key(SECRET)], "user.")

    assert grant("--user", "alice").channels == ("user.alice",)
    assert grant("--user", "alice", "--channel", "downloads").channels == ("downloads",)
    assert grant().channels == ("downloads",)


def test_token_names_the_mistake(simulcast: Command, tmp_path: Path) -> None:
    assert "set SIMULCAST_TOKEN_SECRET" in assert_complaint(simulcast("token", "--scope", "watch"))
    assert "there is no scope 'fly'" in assert_complaint(simulcast("token", "--scope", "fly"))
    (tmp_path / "public.pem").write_text(rsa_key()[1])
    message = assert_complaint(
        simulcast("token", "--scope", "watch", "--private-key-file", str(tmp_path / "public.pem"))
    )
    assert "give a private key, RSA, EC P-256 or Ed25519" in message
    assert "--token is no token" in assert_complaint(simulcast("watch", **{"SIMULCAST_TOKEN": "two words"}))
    short = {"SIMULCAST_TOKEN_SECRET": "short"}
    assert "at least 32" in assert_complaint(simulcast("token", "--scope", "watch", **short))
