
import 'limits.dart';
import 'socket_io.dart' if (dart.library.js_interop) 'socket_web.dart' as platform;

/// One open WebSocket.
abstract interface class GatewaySocket {
  /// The text messages, for one listener. The stream ends when the connection does.
  Stream<String> get texts;

  /// The subprotocol that the server chose, or ''.
  String get protocol;

  /// The code of the close frame, once [texts] has ended; null, 1005 or 1006 where there was none.
  int? get closeCode;

  String get closeReason;

  /// Hands [text] to the socket. Does nothing once it is closed.
  void send(String text);

  /// Closes the connection with 1000. Does nothing the second time.
  Future<void> close();
}

/// Opens a WebSocket. Throws whatever the platform throws, or [ConnectionFailed].
///
/// A program may pass one of its own to [GatewayClient], such as one with a certificate of its own.
typedef SocketOpener = Future<GatewaySocket> Function(Uri uri, List<String> protocols, String? token, Limits limits);

/// An attempt failed; [message] is for people.
final class ConnectionFailed implements Exception {
  const ConnectionFailed(this.message);

  final String message;

  @override
  String toString() => message;
}

/// Opens a WebSocket of the platform: `dart:io`'s, or the browser's.
///
/// The token goes in the header Authorization; in a browser, which can send no header, it is a subprotocol.
Future<GatewaySocket> openSocket(Uri uri, List<String> protocols, String? token, Limits limits) =>
    platform.openSocket(uri, protocols, token, limits);

/// Returns whether the address is answered with 200 in time. Never throws.
Future<bool> isAnswered(Uri uri, Duration timeout) async {
  try {
    return await platform.isAnswered(uri, timeout);
  } catch (_) {
    return false;
  }
}
