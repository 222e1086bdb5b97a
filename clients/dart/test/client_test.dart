import 'dart:async';
import 'dart:convert';

import 'package:simulcast_gateway/simulcast_gateway.dart';
import 'package:test/test.dart';

import 'fakes.dart';

const progress = '{"event_id":"7-1","type":"download_progress","download_id":"12345","progress":0.75,"speed":1024000}';

void main() {
  test('the static class is the one of the guide', () async {
    Config.serverHost = '127.0.0.1';
    Config.serverPort = 1; // nothing listens there
    Gateway.onWebSocketMessage = (message) => print(message);
    Gateway.onWebSocketStatusChange = (connected) => print(connected);
    await Gateway.init();
    expect(Gateway.isWebSocketConnected, isFalse);
    expect(Gateway.sendWebSocketMessage('Hello from Flutter!'), isFalse);
    expect(await Gateway.isServerRunning, isFalse);
    await Gateway.disconnectWebSocket();
  });

  test('a lost connection comes back, and each callback gets one call for it', () async {
    final world = World();
    await world.client.init();
    await world.reconnect();
    expect(world.client.isWebSocketConnected, isTrue);
    expect(world.statuses, [true, false, true]);
    expect(world.states.map((state) => state.phase), [GatewayPhase.connected, GatewayPhase.lost, GatewayPhase.connected]);
    await world.client.disconnectWebSocket();
    expect(world.statuses, [true, false, true, false]);
  });

  test('a server that comes later gets its client', () async {
    final world = World()..isServerUp = false;
    expect(await world.client.connectWebSocket(), isFalse);
    expect(world.statuses, isEmpty);
    world.isServerUp = true;
    expect(await world.client.connectWebSocket(), isTrue);
    await world.client.disconnectWebSocket();
  });

  test('nothing comes back after a disconnect', () async {
    final world = World();
    await world.client.init();
    await world.client.disconnectWebSocket();
    await Future<void>.delayed(const Duration(milliseconds: 50)); // more than the delay
    expect(world.sockets, hasLength(1));
    expect(world.client.sendWebSocketMessage('{}'), isFalse);
  });

  test('a close that means "change something first" is not followed by an attempt immediately', () async {
    final world = World();
    await world.client.init();
    world.last.end(4403);
    await pumpEventQueue();
    expect(world.states.last.phase, GatewayPhase.refused);
    expect(world.states.last.retryIn, greaterThan(const Duration(seconds: 40)));
    await world.client.disconnectWebSocket();
  });

  test('the token is asked for at each attempt', () async {
    var number = 0;
    final world = World(token: () async => 'token-${++number}');
    await world.client.init();
    await world.reconnect(4419);
    expect(world.sockets.map((socket) => socket.token), ['token-1', 'token-2']);
    await world.client.disconnectWebSocket();
  });

  test('a token that fails is a failed attempt', () async {
    final world = World(token: () => throw StateError('no token here'));
    expect(await world.client.connectWebSocket(), isFalse);
    expect(world.states.single.reason, 'token() failed: StateError');
    await world.client.disconnectWebSocket();
  });

  test('a callback that throws ends nothing', () async {
    final world = World();
    world.client.onWebSocketMessage = (message) => throw StateError(message);
    await world.client.init();
    world.last.deliver(progress);
    await pumpEventQueue();
    expect(world.client.isWebSocketConnected, isTrue);
    await world.client.disconnectWebSocket();
  });

  test('messages are printed without their secrets', () async {
    final printed = <String>[];
    final world = World();
    await runZoned(
      () async {
        await world.client.init();
        world.client.printMessages = true;
        world.client.sendWebSocketMessage('{"headers":{"Cookie":"a}b"},"bearer":"p\\"q","name":"token"}');
        world.last.deliver(progress);
        await world.client.disconnectWebSocket();
      },
      zoneSpecification: ZoneSpecification(print: (self, parent, zone, line) => printed.add(line)),
    );
    expect(printed, ['gateway > {"headers":"…","bearer":"…","name":"token"}', 'gateway < $progress']);
  });

  test('events are typed, for each listener', () async {
    final world = World();
    final first = world.client.events.first;
    final second = world.client.events.first;
    await world.client.init();
    world.last
      ..deliver('Hello')
      ..deliver(progress);
    for (final event in [await first, await second]) {
      expect(event, isA<DownloadProgress>().having((event) => event.progress, 'progress', 0.75));
    }
    await world.client.disconnectWebSocket();
  });

  test('a command that is rejected throws the reason', () async {
    final world = World();
    await world.client.init();
    final waiting = expectLater(
      world.client.pause('12345'),
      throwsA(isA<CommandRejected>().having((error) => error.reason, 'reason', 'unknown_download')),
    );
    await pumpEventQueue();
    final command = jsonDecode(world.last.sent.single) as Map<String, Object?>;
    final result = {'type': 'command_result', ...command, 'status': 'rejected', 'reason': 'unknown_download'};
    world.last.deliver(jsonEncode(result));
    await waiting;
    await world.client.disconnectWebSocket();
  });

  test('a command is sent again on the next connection, and ends with a disconnect', () async {
    final world = World();
    await world.client.init();
    final waiting = expectLater(world.client.pause('12345'), throwsA(isA<CommandTimeout>()));
    await pumpEventQueue();
    final sent = world.last.sent.single;
    expect((await world.reconnect()).sent, [sent]);
    await world.client.disconnectWebSocket();
    await waiting;
  });

  test('a command needs a client that is connected or tries to be', () async {
    await expectLater(World().client.pause('12345'), throwsStateError);
  });

  test('a listener that stays paused gets an error in place of a queue without an end', () async {
    final world = World(limits: Limits(maxUnreadCharacters: progress.length));
    final received = <Object>[];
    final subscription = world.client.events.listen(received.add, onError: received.add)..pause();
    await world.client.init();
    world.last
      ..deliver(progress)
      ..deliver('{"type":"one too many"}');
    subscription.resume();
    await pumpEventQueue();
    expect(received, [isA<SlowReaderException>()]);
    await subscription.cancel();
    await world.client.disconnectWebSocket();
  });

  test('a listener that pauses for a while gets everything in order', () async {
    final world = World();
    final types = <String?>[];
    final subscription = world.client.events.listen((event) => types.add(event.type))..pause();
    await world.client.init();
    for (final type in ['a', 'b', 'c']) {
      world.last.deliver('{"type":"$type"}');
    }
    expect(types, isEmpty);
    subscription.resume();
    await pumpEventQueue();
    expect(types, ['a', 'b', 'c']);
    await subscription.cancel();
    await world.client.disconnectWebSocket();
  });
}
