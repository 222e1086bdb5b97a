/// Every deadline and bound of a [GatewayClient], in one place. Tests pass smaller ones.
final class Limits {
  const Limits({
    this.openTimeout = const Duration(seconds: 10),
    this.idleTimeout = const Duration(seconds: 45),
    this.pingInterval = const Duration(seconds: 20),
    this.refusedDelay = const Duration(seconds: 60),
    this.closeTimeout = const Duration(seconds: 2),
    this.healthTimeout = const Duration(seconds: 5),
    this.maxUnsentCharacters = 1 << 20,
    this.maxUnreadCharacters = 1 << 22,
  });

  /// For one attempt to connect: the token, the name, TCP, TLS and the handshake, each.
  final Duration openTimeout;

  /// Without a message for this long the connection counts as lost. The server sends its position every 20 s.
  final Duration idleTimeout;

  /// Between two pings of this side, where `dart:io` sends them. A browser sends none that a program could see.
  final Duration pingInterval;

  /// Until the next attempt after a close that means "change something first".
  final Duration refusedDelay;

  /// For the closing handshake.
  final Duration closeTimeout;

  /// For the answer to [GatewayClient.isServerRunning].
  final Duration healthTimeout;

  /// At most this much is sent between two messages of the server. `dart:io` does not tell how much of it waits.
  final int maxUnsentCharacters;

  /// Messages that wait for one listener of `events` that is paused, such as an `await for`.
  final int maxUnreadCharacters;
}
