"""The messages of a client's WebSocket: commands, subscriptions and requests, each with its answer."""

import logging

from simulcast.errors import BrokerUnavailable
from simulcast.frontend.audit import log_message
from simulcast.frontend.requests import answer
from simulcast.frontend.services import Services
from simulcast.frontend.subscriptions.channels import TooManyChannels
from simulcast.frontend.subscriptions.subscriber import Subscriber
from simulcast.model import commands
from simulcast.model.command_parser import parse
from simulcast.model.download_url import validate_url

_log = logging.getLogger("simulcast.ws")


async def handle_text(client: Subscriber, services: Services, text: str) -> None:
    """Do as the client says, and answer it. Text that is not meant as JSON is ignored."""
    message = parse(text)
    if isinstance(message, commands.Request):
        await client.wait_for_room()  # a client that reads nothing gets no answer made
    # A message may have waited, also beyond its connection's end.
    if message is None or client.is_revoked or client.grant.has_expired:
        return
    reply = await _handle_message(client, services, message)
    log_message(message, reply, user=client.grant.user, address=client.address)
    await client.send_text(reply)


async def _handle_message(client: Subscriber, services: Services, message: commands.ClientMessage) -> str:
    """Return the answer."""
    grant = client.grant
    if isinstance(message, commands.InvalidCommand):
        return message.encode()
    if isinstance(message, commands.SubscriptionCommand):
        if message.subscribe and not grant.allows("watch", message.channel):
            return message.encode_result("not_allowed")
        return await _follow(message, client)
    if isinstance(message, commands.Request):
        return await answer(message, services, grant)
    channel = grant.channel(message.channel, services.channel)
    if not grant.allows("command", channel):
        return message.encode_result("not_allowed")
    return await _run_command(message, services, channel)


async def _follow(command: commands.SubscriptionCommand, client: Subscriber) -> str:
    client.enable_channel_names()
    try:
        if command.subscribe:
            await client.follow(command.channel, command.since)
        else:
            client.unfollow(command.channel)
    except (ValueError, TooManyChannels) as error:
        return command.encode_result("too_many_channels", str(error))
    except (BrokerUnavailable, TimeoutError) as error:
        _log.warning("a client could not follow %s: %s", command.channel, error)
        return command.encode_result("unavailable")
    return command.encode_result(None, followed=client.followed)


async def _run_command(command: commands.Command | commands.JobCommand, services: Services, channel: str) -> str:
    if isinstance(command, commands.Command) and command.action == "relink":
        try:
            validate_url(command.url, services.schemes)
        except ValueError as error:
            return command.encode_result("invalid_url", f"the URL {error}")
    try:
        if isinstance(command, commands.JobCommand):
            return command.encode_result(await services.own_jobs_in(channel).command(command))
        return command.encode_result(await services.jobs_in(channel).command(command))
    except BrokerUnavailable as error:
        _log.warning("a command was not recorded: %s", error)
        return command.encode_result("unavailable")
