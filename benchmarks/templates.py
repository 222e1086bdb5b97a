"""The bytes that publish one event: a command of Redis, or a request to a server's own HTTP."""

import json

from simulcast.broker import build_publish_call
from simulcast.model.channel import ChannelNames
from simulcast.model.events import Event, encode

# As native/event.h: an event of a type that has no key, so that nothing may be conflated.
STAMP = '"n":1000000000,"t":1000000000000000'
PAYLOAD = f'{{"type":"bench","download_id":"12345","progress":0.75,"speed":1024000,{STAMP}}}'


def resp(*words: str | bytes | int) -> bytes:
    """A command as Redis reads it."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)


def broker(channel: str, port: int) -> bytes:
    event = encode(PAYLOAD)
    assert isinstance(event, Event)
    return resp(*build_publish_call(ChannelNames(channel), event, ""))


def publish(channel: str, port: int) -> bytes:
    return resp("PUBLISH", channel, PAYLOAD)


def socketio_python(channel: str, port: int) -> bytes:
    room = "null" if channel == "bench" else json.dumps(channel)
    message = f'{{"method":"emit","event":"e","data":{PAYLOAD},"namespace":"/","room":{room},"host_id":"publisher"}}'
    return resp("PUBLISH", "socketio", message)


def _msgpack_text(text: str) -> bytes:
    return b"\xd9" + bytes((len(text),)) + text.encode()


def django(channel: str, port: int) -> bytes:
    members = ("type", "bench.event", "text", PAYLOAD)
    return resp("PUBLISH", f"asgi__group__{channel}", b"\x82" + b"".join(map(_msgpack_text, members)))


def socketio_node(channel: str, port: int) -> bytes:
    rooms = "" if channel == "bench" else json.dumps(channel)
    packet = f'{{"type":2,"data":["e",{PAYLOAD}],"nsp":"/"}}'
    broadcast = f'{{"opts":{{"rooms":[{rooms}],"except":[],"flags":{{}}}},"packet":{packet}}}'
    members = ("uid", "publisher", "nsp", "/", "type", "3", "data", broadcast)
    return resp("XADD", "socket.io", "MAXLEN", "~", "10000", "*", *members)


def post(channel: str, port: int) -> bytes:
    head = f"POST /publish?channel={channel} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(PAYLOAD)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n{PAYLOAD}".encode()
