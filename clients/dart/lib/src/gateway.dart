import 'dart:async';

import 'client.dart';

/// The class of the guide: one connection that the whole program shares. `Config` names the server.
abstract final class Gateway {
  /// The same connection, with everything that the guide does not have: events, commands, the token.
  static final client = GatewayClient();

  static FutureOr<void> Function(String message)? get onWebSocketMessage => client.onWebSocketMessage;
  static set onWebSocketMessage(FutureOr<void> Function(String message)? callback) =>
      client.onWebSocketMessage = callback;

  static FutureOr<void> Function(bool connected)? get onWebSocketStatusChange => client.onWebSocketStatusChange;
  static set onWebSocketStatusChange(FutureOr<void> Function(bool connected)? callback) =>
      client.onWebSocketStatusChange = callback;

  /// Prints each message that is sent or received, for debugging.
  static bool get printMessages => client.printMessages;
  static set printMessages(bool value) => client.printMessages = value;

  static bool get isWebSocketConnected => client.isWebSocketConnected;

  /// `await Gateway.isServerRunning`
  static Future<bool> get isServerRunning => client.isServerRunning;

  static Future<void> init() => client.init();

  static Future<bool> connectWebSocket() => client.connectWebSocket();

  static Future<void> disconnectWebSocket() => client.disconnectWebSocket();

  static bool sendWebSocketMessage(Object message) => client.sendWebSocketMessage(message);
}
