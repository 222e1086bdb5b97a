import 'dart:io';

import 'limits.dart';
import 'socket.dart';

/// Opens a WebSocket of `dart:io`. Throws WebSocketException, SocketException, TimeoutException and others.
Future<GatewaySocket> openSocket(Uri uri, List<String> protocols, String? token, Limits limits) async {
  final connecting = WebSocket.connect(
    uri.toString(),
    protocols: protocols,
    headers: token == null ? null : {HttpHeaders.authorizationHeader: 'Bearer $token'},
    compression: CompressionOptions.compressionOff, // the server does not compress
  );
  var isWanted = true;
  connecting.then<void>((socket) async {
    if (!isWanted) await socket.close(); // it opened too late
  }).ignore();
  try {
    final socket = await connecting.timeout(limits.openTimeout);
    socket.pingInterval = limits.pingInterval;
    return _IoSocket(socket);
  } catch (_) {
    isWanted = false;
    rethrow;
  }
}

/// Returns whether `GET uri` is answered with 200. Throws SocketException, TimeoutException and others.
Future<bool> isAnswered(Uri uri, Duration timeout) async {
  final client = HttpClient();
  try {
    return await _status(client, uri).timeout(timeout) == HttpStatus.ok;
  } finally {
    client.close(force: true); // the body is not needed, and a late answer neither
  }
}

Future<int> _status(HttpClient client, Uri uri) async {
  final request = await client.getUrl(uri);
  request.followRedirects = false;
  return (await request.close()).statusCode;
}

final class _IoSocket implements GatewaySocket {
  _IoSocket(this._socket);

  final WebSocket _socket;

  @override
  late final Stream<String> texts = _socket.where((Object? message) => message is String).cast<String>();

  @override
  String get protocol => _socket.protocol ?? '';

  @override
  int? get closeCode => _socket.closeCode;

  @override
  String get closeReason => _socket.closeReason ?? '';

  @override
  void send(String text) {
    if (_socket.readyState == WebSocket.open) _socket.add(text);
  }

  @override
  Future<void> close() async {
    await _socket.close(WebSocketStatus.normalClosure);
  }
}
