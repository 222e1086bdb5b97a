import 'dart:async';
import 'dart:io';

import 'package:simulcast_gateway/simulcast_gateway.dart';
import 'package:test/test.dart' show pumpEventQueue;

/// A socket whose server is the test.
class FakeSocket implements GatewaySocket {
  FakeSocket(this.uri, this.token);

  final Uri uri;
  final String? token;
  final sent = <String>[];
  final _texts = StreamController<String>(sync: true);

  @override
  int? closeCode;

  @override
  String get closeReason => '';

  @override
  String get protocol => 'simulcast.v1';

  @override
  Stream<String> get texts => _texts.stream;

  @override
  void send(String text) => sent.add(text);

  @override
  Future<void> close() async => end(1000);

  void deliver(String text) => _texts.add(text);

  void end(int code) {
    if (_texts.isClosed) return;
    closeCode = code;
    unawaited(_texts.close());
  }
}

/// A client whose sockets are fakes, and what it has received.
class World {
  World({FutureOr<String?> Function()? token, Limits limits = const Limits()}) {
    client = GatewayClient(
      token: token,
      limits: limits,
      reconnectDelay: Duration.zero,
      open: _open,
      onWebSocketMessage: messages.add,
      onWebSocketStatusChange: statuses.add,
      onStateChange: states.add,
    );
  }

  late final GatewayClient client;
  final sockets = <FakeSocket>[];
  final messages = <String>[];
  final statuses = <bool>[];
  final states = <GatewayState>[];
  bool isServerUp = true;
  Completer<void> _opened = Completer<void>();

  FakeSocket get last => sockets.last;

  /// Connects, loses the connection, and waits for the next.
  Future<FakeSocket> reconnect([int code = 1006]) async {
    _opened = Completer<void>();
    last.end(code);
    await _opened.future.timeout(const Duration(seconds: 10));
    await pumpEventQueue();
    return last;
  }

  Future<GatewaySocket> _open(Uri uri, List<String> protocols, String? token, Limits limits) async {
    if (!isServerUp) throw const SocketException('refused');
    final socket = FakeSocket(uri, token);
    sockets.add(socket);
    if (!_opened.isCompleted) _opened.complete();
    return socket;
  }
}

/// The golden messages of docs/contract, by name: `from_server` or `from_client`.
Map<String, String> examples(String direction) {
  final files = Directory('../../docs/contract/$direction').listSync().whereType<File>();
  return {
    for (final file in files)
      if (file.path.endsWith('.json')) file.uri.pathSegments.last.replaceAll('.json', ''): file.readAsStringSync(),
  };
}
