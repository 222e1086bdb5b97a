// Each golden message in docs/contract, as this client receives and sends it, byte by byte.

import 'dart:convert';

import 'package:simulcast_gateway/simulcast_gateway.dart';
import 'package:test/test.dart';

import 'fakes.dart';

/// The `since` of a client that comes back after the message.
String? sinceAfter(Map<String, Object?> message) {
  final position = message['type'] == 'position' ? message['position'] : message['event_id'];
  final channel = message['channel'];
  if (position == null) return null;
  return channel == null ? '$position' : '$channel:$position';
}

Map<String, Object?> parse(String text) => jsonDecode(text) as Map<String, Object?>;

bool isMark(String text) => const {'hello', 'position'}.contains(parse(text)['type']);

void main() {
  examples('from_server').forEach((name, text) {
    test('$name is delivered as it came, unless it is a mark, and says where to resume', () async {
      final world = World();
      await world.client.init();
      world.last.deliver(text);
      expect(world.messages, isMark(text) ? isEmpty : [text]);
      final next = await world.reconnect();
      expect(next.uri.queryParameters['since'], sinceAfter(parse(text)));
      await world.client.disconnectWebSocket();
    });

    test('$name repeats nothing that an earlier connection brought', () async {
      final world = World();
      await world.client.init();
      world.last.deliver(text);
      world.messages.clear();
      (await world.reconnect()).deliver(text);
      final isNews = !isMark(text) && !parse(text).containsKey('event_id');
      expect(world.messages, isNews ? [text] : isEmpty);
      await world.client.disconnectWebSocket();
    });

    test('$name is an event of its class', () {
      final event = GatewayEvent.parse(text)!;
      final kind = name.split('.').first;
      final isTyped = kind.startsWith('download_') || kind.startsWith('job_');
      final className = kind.split('_').map((word) => word[0].toUpperCase() + word.substring(1)).join();
      expect('${event.runtimeType}', isTyped ? className : 'OtherEvent');
      expect(event.raw, parse(text));
      expect(event.eventId, parse(text)['event_id']);
    });
  });

  examples('from_client').forEach((name, text) {
    test('$name is what is sent for its object', () async {
      final world = World();
      await world.client.init();
      expect(world.client.sendWebSocketMessage(parse(text)), isTrue);
      expect(world.last.sent, [text]);
      await world.client.disconnectWebSocket();
    });
  });

  // What the methods send, without the command_id, which is random.
  final calls = <String, Future<CommandResult> Function(GatewayClient client)>{
    'pause_download': (client) => client.pause('12345'),
    'resume_download': (client) => client.resume('12345'),
    'cancel_download': (client) => client.cancel('12345'),
    'retry_download': (client) => client.retry('12345'),
    'delete_download': (client) => client.delete('12345'),
    'delete_download.with_file': (client) => client.delete('12345', file: true),
    'limit_download': (client) => client.limit('12345', 1000000),
    'relink_download': (client) => client.relink('12345', 'https://example.org/a.iso?signature=2'),
    'clear_finished': (client) => client.clearFinished(),
    'cancel_job': (client) => client.cancelJob('render-7'),
    'remove_job': (client) => client.removeJob('render-7'),
  };
  calls.forEach((name, call) {
    test('$name is sent by its method, and its result ends the wait', () async {
      final world = World();
      await world.client.init();
      final waiting = call(world.client);
      await pumpEventQueue();
      final command = parse(world.last.sent.single);
      final commandId = command.remove('command_id');
      expect(jsonEncode(command), examples('from_client')[name]);
      world.last.deliver(
          jsonEncode({'type': 'command_result', ...command, 'status': 'accepted', 'command_id': commandId}));
      expect((await waiting).action, command['action']);
      await world.client.disconnectWebSocket();
    });
  });
}
