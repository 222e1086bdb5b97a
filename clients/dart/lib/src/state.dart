/// The phases of a connection. `lost`: it comes back by itself; `refused`: it needs a change, and is tried again later.
enum GatewayPhase { connected, lost, refused }

/// The state of a connection after a change, other than by `disconnectWebSocket()`.
final class GatewayState {
  const GatewayState(this.phase, {this.reason = '', this.closeCode, this.retryIn});

  final GatewayPhase phase;

  /// A sentence for people; empty while it is connected.
  final String reason;

  /// The server's close code, where it sent one (docs/protocol.md, "Being cut").
  final int? closeCode;

  /// The time until the next attempt; null while it is connected.
  final Duration? retryIn;

  @override
  String toString() => reason.isEmpty ? phase.name : '${phase.name}: $reason';
}
