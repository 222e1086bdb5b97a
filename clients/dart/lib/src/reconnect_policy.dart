import 'dart:math';

import 'limits.dart';
import 'state.dart';

/// Decides when the next attempt follows (docs/protocol.md, "Being cut").
final class ReconnectPolicy {
  ReconnectPolicy(this._limits);

  /// The server will refuse again until something changes, so the client must not hammer it.
  static const terminalCloseCodes = {1003, 1007, 1008, 1009, 4400, 4401, 4403};
  static const tokenExpired = 4419;

  /// The least delay after an expired token, if the connection before expired a moment ago, too.
  static const minRefreshDelay = Duration(seconds: 1);

  /// Between two attempts, whatever the delay is.
  static const minDelay = Duration(milliseconds: 10);
  static const _jitter = 0.2;

  final Limits _limits;
  final _random = Random();
  Stopwatch? _sinceRefresh;

  /// The state after an attempt or a connection that ended.
  GatewayState stateAfter(String reason, int? closeCode, Duration reconnectDelay) {
    final isRefused = terminalCloseCodes.contains(closeCode);
    final delay = switch (closeCode) {
      tokenExpired => _refreshDelay(reconnectDelay),
      _ when isRefused => _longer(reconnectDelay, _limits.refusedDelay),
      _ => reconnectDelay,
    };
    // Up to a fifth less or more, so that clients that were cut simultaneously come back one by one.
    final jittered = delay * (1 + _jitter * (2 * _random.nextDouble() - 1));
    final phase = isRefused ? GatewayPhase.refused : GatewayPhase.lost;
    return GatewayState(phase, reason: reason, closeCode: closeCode, retryIn: _longer(jittered, minDelay));
  }

  /// Zero, or a delay where the last new token expired immediately: another would probably do so too.
  Duration _refreshDelay(Duration reconnectDelay) {
    final delay = _longer(reconnectDelay, minRefreshDelay);
    final before = _sinceRefresh?.elapsed;
    _sinceRefresh = Stopwatch()..start();
    return before != null && before < delay * 2 ? delay : Duration.zero;
  }

  static Duration _longer(Duration a, Duration b) => a > b ? a : b;
}
