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

  // The messages that the methods send, without the command_id, which is random.
  final calls = <String, Future<CommandResult> Function(GatewayClient client)>{
    'pause_download': (client) => client.pause('12345'),
    'resume_download': (client) => client.resume('12345'),
    'cancel_download': (client) => client.cancel('12345'),
    'retry_download': (client) => client.retry('12345'),
    'delete_download': (client) => client.delete('12345'),
    'delete_download.with_file': (client) => client.delete('12345', file: true),
    'limit_download': (client) => client.limit('12345', 1000000),
    'relink_download': (client) => client.relink('12345', 'https://example.org/a.iso?signature=2'),
    'move_download': (client) => client.move('12345', 'first'),
    'prioritize_download': (client) => client.prioritize('12345', 1),
    'schedule_download': (client) => client.schedule('12345', null),
    'rename_download': (client) => client.rename('12345', 'b.iso'),
    'clear_finished': (client) => client.clearFinished(),
    'cancel_job': (client) => client.cancelJob('render-7'),
    'remove_job': (client) => client.removeJob('render-7'),
  };

  // The answers that have content, each with the command_id of its request.
  final requests = <String, (String, Future<Object?> Function(GatewayClient client))>{
    'command_result.added_by_id': ('add_download.by_id', (client) => client.add('https://example.com/a.iso', downloadId: '12345')),
    'command_result.download_by_id': ('get_download.by_id', (client) => client.get('12345')),
    'command_result.downloads_by_id': ('list_downloads.page',
        (client) => client.list(state: 'complete', sort: 'name', order: 'asc', offset: 100, limit: 50)),
    'command_result.published_by_id': ('publish.by_id', (client) => client.publish({'type': 'render', 'percent': 50}, channel: 'reports')),
    'command_result.subscribed_by_id': ('subscribe.by_id', (client) => client.subscribe('a')),
  };
  requests.forEach((answerName, request) {
    final (requestName, call) = request;
    test('$requestName is sent by its method, and $answerName is read', () async {
      final world = World();
      await world.client.init();
      final waiting = call(world.client);
      await pumpEventQueue();
      final sent = parse(world.last.sent.single);
      expect({...sent, 'command_id': 'c-1'}..remove('idempotency_key'), parse(examples('from_client')[requestName]!));
      world.last.deliver(jsonEncode({...parse(examples('from_server')[answerName]!), 'command_id': sent['command_id']}));
      switch (await waiting) {
        case Download(:final downloadId, :final createdAt):
          expect((downloadId, createdAt), ('12345', 1790000000.0));
        case DownloadPage(:final downloads, :final total):
          expect((downloads.single.downloadId, total), ('12345', 1));
        case final String eventId:
          expect(eventId, '1790000000000-17');
        default: // subscribe: the next connection follows both channels
          expect((await world.reconnect()).uri.queryParametersAll['channel'], ['a', 'downloads']);
      }
      await world.client.disconnectWebSocket();
    });
  });
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
