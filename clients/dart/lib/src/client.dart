import 'dart:async';
import 'dart:convert';
import 'dart:developer' as developer;

import 'command_methods.dart';
import 'commands.dart';
import 'config.dart';
import 'events.dart';
import 'limits.dart';
import 'readers.dart';
import 'reconnect_policy.dart';
import 'request_methods.dart';
import 'resume_position.dart';
import 'socket.dart';
import 'state.dart';

/// A connection to a Simulcast service that comes back by itself.
///
/// After a loss it reconnects every [reconnectDelay], up to a fifth earlier or later, and resumes after the last event
/// that it received: nothing that the server still has is missed, and no event is delivered twice. So it does after
/// [disconnectWebSocket] and [connectWebSocket]; a new client begins with the snapshot. After a close that means
/// "change something first" it waits for `limits.refusedDelay`.
///
/// [events] has each event, typed; `await client.pause('12345')`, [add] and their like wait for the server's answer.
/// Whatever a callback throws is logged (`dart:developer`) and ends nothing.
class GatewayClient with CommandMethods, RequestMethods {
  /// Connects to nothing yet. [url], where given, wins over [host] and [port], and these over [Config]. [token] is
  /// called at each attempt. Throws ArgumentError for a [url] that is no `ws://` or `wss://` URL.
  GatewayClient({
    Uri? url,
    String? host,
    int? port,
    this.token,
    this.onWebSocketMessage,
    this.onWebSocketStatusChange,
    this.onStateChange,
    this.reconnectDelay = const Duration(seconds: 5),
    this.printMessages = false,
    this.limits = const Limits(),
    SocketOpener open = openSocket,
  })  : _url = url,
        _host = host,
        _port = port,
        _openSocket = open {
    if (url != null && (!const {'ws', 'wss'}.contains(url.scheme) || url.host.isEmpty)) {
      throw ArgumentError('a url begins with ws:// or wss:// and names a host, unlike the scheme "${url.scheme}"');
    }
  }

  /// Returns a token that is valid now (docs/access.md), or null for none.
  FutureOr<String?> Function()? token;

  /// Gets each text message as it came. An async one is not awaited: the next message may come meanwhile.
  FutureOr<void> Function(String message)? onWebSocketMessage;

  /// Gets true once for each connection and false once for each loss.
  FutureOr<void> Function(bool connected)? onWebSocketStatusChange;

  /// Gets each change of the state, with the reason of a loss and the time until the next attempt.
  FutureOr<void> Function(GatewayState state)? onStateChange;

  Duration reconnectDelay;

  /// Prints each message that is sent or received, for debugging, without tokens and passwords.
  bool printMessages;

  final Limits limits;
  final Uri? _url;
  final String? _host;
  final int? _port;
  final SocketOpener _openSocket;
  final _position = ResumePosition();
  final _commands = Commands();
  late final _readers = Readers(limits.maxUnreadCharacters);
  late final _policy = ReconnectPolicy(limits);

  static final _secret =
      RegExp(r'"(token|bearer|password|proxy|headers)":("(?:[^"\\]|\\.)*"|\{(?:"(?:[^"\\]|\\.)*"|[^"}])*\})');
  static const _subprotocol = 'simulcast.v1'; // with it the server sends its position every 20 s

  bool _isWanted = false; // true while there should be a connection
  Object? _turn; // of the attempt or the connection; what belongs to an earlier one is dropped
  Future<bool>? _attempt;
  GatewaySocket? _socket;
  Timer? _retryTimer;
  Timer? _idleTimer;
  int _unsentCharacters = 0; // since the last message of the server

  /// True while a message could be sent.
  bool get isWebSocketConnected => _socket != null;

  /// The events, typed, for any number of listeners, from the moment at which each begins to listen. It does not end
  /// by itself. Beyond `limits.maxUnreadCharacters` the stream of a paused listener ends with [SlowReaderException].
  ///
  /// Results of awaited commands and text that is no JSON object are left out.
  Stream<GatewayEvent> get events => _readers.events;

  /// Connects. Completes after the first attempt; if that failed, attempts go on in the background.
  Future<void> init() async {
    await connectWebSocket();
  }

  /// Connects now, without waiting for the next attempt's time. Completes with whether it is connected; never with an
  /// error. If the attempt fails, attempts go on until [disconnectWebSocket].
  Future<bool> connectWebSocket() {
    _isWanted = true;
    if (isWebSocketConnected) return Future.value(true);
    _retryTimer?.cancel();
    return _attempt ??= _connect(_turn = Object());
  }

  /// Disconnects for good, in whatever state. The callback gets false for its last true. Commands without a result
  /// throw [CommandTimeout].
  Future<void> disconnectWebSocket() async {
    _isWanted = false;
    _retryTimer?.cancel();
    _commands.giveUp();
    await _leave();
  }

  /// Sends text as it is, anything else as JSON. False: nothing is connected, or too much waits; it is not kept.
  ///
  /// Throws JsonUnsupportedObjectError for what has no JSON form.
  bool sendWebSocketMessage(Object message) => _send(message is String ? message : jsonEncode(message));

  /// True if `/health`, next to the WebSocket's path, answers with 200 in time. Never an error.
  Future<bool> get isServerRunning async {
    try {
      final uri = _address();
      final path = [...uri.pathSegments.where((segment) => segment.isNotEmpty)];
      if (path.isNotEmpty) path.removeLast();
      final health = Uri(
        scheme: uri.scheme == 'wss' ? 'https' : 'http',
        userInfo: uri.userInfo,
        host: uri.host,
        port: uri.hasPort ? uri.port : null,
        pathSegments: [...path, 'health'],
      );
      return await isAnswered(health, limits.healthTimeout);
    } catch (_) {
      return false; // of a host that is none
    }
  }

  @override
  Future<CommandResult> command(
    String action, {
    Map<String, String> target = const {},
    Map<String, Object?> members = const {},
    Duration deadline = const Duration(seconds: 10),
  }) async {
    if (!_isWanted) throw StateError('$action needs a connection: connectWebSocket() first');
    return _commands.request(_send, action, target, members, deadline);
  }

  @override
  void follow(List<String> channels, String added) => _position.follow(channels, added);

  Uri _address() =>
      _url ?? Uri(scheme: 'ws', host: _host ?? Config.serverHost, port: _port ?? Config.serverPort, path: '/ws');

  Uri _resumingAddress() {
    final since = _position.since;
    final channels = _position.channels;
    final uri = _address();
    if (since == null && channels.isEmpty) return uri;
    return uri.replace(queryParameters: {
      ...uri.queryParametersAll,
      if (channels.isNotEmpty) 'channel': channels,
      if (since != null) 'since': [since],
    });
  }

  Future<bool> _connect(Object turn) async {
    _position.begin();
    try {
      final given = await _givenToken();
      if (turn != _turn) return false;
      final socket = await _openSocket(_resumingAddress(), const [_subprotocol], given, limits);
      if (turn != _turn) {
        unawaited(_close(socket));
        return false;
      }
      _opened(turn, socket);
      return turn == _turn; // a callback may have disconnected
    } catch (error) {
      final userInfo = _url?.userInfo ?? '';
      final reason = userInfo.isEmpty ? '$error' : '$error'.replaceAll(userInfo, '…');
      _ended(turn, reason, null);
      return false;
    }
  }

  Future<String?> _givenToken() async {
    final String? given;
    try {
      given = await Future<String?>.sync(() => token?.call()).timeout(limits.openTimeout);
    } catch (error) {
      throw ConnectionFailed('token() failed: ${error.runtimeType}');
    }
    if (given == null || given.isEmpty) return null;
    if (!RegExp(r'^[!-~]+$').hasMatch(given)) throw const ConnectionFailed('token() returned no printable ASCII text');
    return given;
  }

  void _opened(Object turn, GatewaySocket socket) {
    _attempt = null;
    _socket = socket;
    _unsentCharacters = 0;
    _watch(turn, socket);
    socket.texts.listen(
      (text) => _received(turn, socket, text),
      onError: (Object _) {}, // its end follows
      onDone: () => _ended(turn, 'the connection ended ${socket.closeReason}'.trimRight(), socket.closeCode),
    );
    _commands.texts.forEach(_send); // they were sent on an earlier connection, if at all
    _call('onWebSocketStatusChange', () => onWebSocketStatusChange?.call(true));
    if (turn == _turn) _call('onStateChange', () => onStateChange?.call(const GatewayState(GatewayPhase.connected)));
  }

  void _received(Object turn, GatewaySocket socket, String text) {
    if (turn != _turn) return;
    _unsentCharacters = 0;
    _watch(turn, socket);
    // Recorded before delivered: a callback that disconnects must not get the same event on its return.
    if (_position.readMark(text) || !_position.isNew(text)) return;
    if (printMessages) _print('<', text);
    final isResult = _commands.takeResult(text);
    _call('onWebSocketMessage', () => onWebSocketMessage?.call(text));
    if (!isResult) _readers.add(text);
  }

  bool _send(String text) {
    final socket = _socket;
    if (socket == null || _unsentCharacters + text.length > limits.maxUnsentCharacters) return false;
    if (printMessages) _print('>', text.replaceAllMapped(_secret, (match) => '"${match[1]}":"…"'));
    _unsentCharacters += text.length;
    socket.send(text);
    return true;
  }

  /// Only a server that chose the subprotocol sends its position, so only its silence means anything.
  void _watch(Object turn, GatewaySocket socket) {
    if (socket.protocol != _subprotocol) return;
    _idleTimer?.cancel();
    _idleTimer = Timer(limits.idleTimeout, () => _ended(turn, 'the server was silent', null));
  }

  void _ended(Object turn, String reason, int? closeCode) {
    if (turn != _turn) return;
    final state = _policy.stateAfter(reason, closeCode, reconnectDelay);
    unawaited(_leave());
    if (!_isWanted || _turn != null) return; // a callback has disconnected, or begun to connect
    _retryTimer = Timer(state.retryIn!, () => unawaited(connectWebSocket()));
    _call('onStateChange', () => onStateChange?.call(state));
  }

  /// Drops the attempt or the connection, and calls back.
  Future<void> _leave() async {
    final socket = _socket;
    _turn = _attempt = _socket = null;
    _idleTimer?.cancel();
    if (socket == null) return;
    final closed = _close(socket);
    _call('onWebSocketStatusChange', () => onWebSocketStatusChange?.call(false));
    await closed;
  }

  /// Closes the socket, and waits for it for a while. Never throws.
  Future<void> _close(GatewaySocket socket) async {
    try {
      await socket.close().timeout(limits.closeTimeout);
    } catch (_) {
      // It is gone already, or hangs: `dart:io` cuts it 5 s later.
    }
  }

  /// Contains whatever a callback throws, or an async one completes with.
  Future<void> _call(String name, FutureOr<void> Function() callback) async {
    try {
      await callback();
    } catch (error, stack) {
      developer.log('$name threw; the connection goes on', name: 'simulcast_gateway', error: error, stackTrace: stack);
    }
  }

  static void _print(String direction, String text) {
    // ignore: avoid_print
    print('gateway $direction $text');
  }
}
