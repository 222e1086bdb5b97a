import 'dart:async';
import 'dart:js_interop';

import 'limits.dart';
import 'socket.dart';

/// Opens the browser's WebSocket. Throws TimeoutException, and [ConnectionFailed]: a browser tells no reason.
Future<GatewaySocket> openSocket(Uri uri, List<String> protocols, String? token, Limits limits) async {
  final offered = [...protocols, if (token != null) 'bearer.$token'];
  final _BrowserSocket browserSocket;
  try {
    browserSocket = _BrowserSocket(uri.toString(), [for (final name in offered) name.toJS].toJS);
  } catch (_) {
    throw const ConnectionFailed('the browser refuses this address'); // its text may quote the token
  }
  final socket = _WebSocket(browserSocket);
  try {
    await socket.opened.timeout(limits.openTimeout);
  } catch (_) {
    unawaited(socket.close());
    rethrow;
  }
  return socket;
}

/// Returns whether `GET uri` is answered with 200; in a page of another origin any answer counts, since its status is hidden.
Future<bool> isAnswered(Uri uri, Duration timeout) async {
  final options = {'mode': 'no-cors', 'cache': 'no-store'}.jsify();
  final response = await _fetch(uri.toString(), options).toDart.timeout(timeout);
  return response.status == 200 || response.type == 'opaque';
}

@JS('fetch')
external JSPromise<_Response> _fetch(String url, JSAny? options);

extension type _Response._(JSObject _) implements JSObject {
  external int get status;
  external String get type;
}

@JS('WebSocket')
extension type _BrowserSocket._(JSObject _) implements JSObject {
  external factory _BrowserSocket(String url, JSArray<JSString> protocols);

  external String get protocol;
  external int get readyState;
  external set onopen(JSFunction listener);
  external set onmessage(JSFunction listener);
  external set onclose(JSFunction listener);
  external void send(String text);
  external void close([int code]);
}

extension type _MessageEvent._(JSObject _) implements JSObject {
  external JSAny? get data;
}

extension type _CloseEvent._(JSObject _) implements JSObject {
  external int get code;
  external String get reason;
}

final class _WebSocket implements GatewaySocket {
  _WebSocket(this._socket) {
    _socket.onopen = ((JSObject _) => _opened.complete()).toJS;
    _socket.onmessage = ((_MessageEvent event) {
      final data = event.data;
      if (data.isA<JSString>()) _texts.add((data as JSString).toDart);
    }).toJS;
    _socket.onclose = ((_CloseEvent event) => _end(event.code, event.reason)).toJS;
  }

  static const _open = 1;

  final _BrowserSocket _socket;
  final _opened = Completer<void>();
  final _texts = StreamController<String>();

  /// Completes once it is open; with [ConnectionFailed] where it is not going to be.
  Future<void> get opened => _opened.future;

  @override
  int? closeCode;

  @override
  String closeReason = '';

  @override
  Stream<String> get texts => _texts.stream;

  @override
  String get protocol => _socket.protocol;

  @override
  void send(String text) {
    if (_socket.readyState == _open) _socket.send(text);
  }

  @override
  Future<void> close() async => _socket.close(1000);

  void _end(int code, String reason) {
    closeCode = code;
    closeReason = reason;
    if (!_opened.isCompleted) _opened.completeError(const ConnectionFailed('no connection; a browser tells no reason'));
    unawaited(_texts.close());
  }
}
