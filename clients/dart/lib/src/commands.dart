import 'dart:async';
import 'dart:convert';
import 'dart:math';

/// The server has recorded the command; its effect follows as an event for everyone.
final class CommandResult {
  const CommandResult(this.action, this.targetId, this.members);

  final String action;

  /// The `download_id`, `job_id` or channel of the command; '' where it had none.
  final String targetId;

  /// All members of the answer.
  final Map<String, Object?> members;

  @override
  String toString() => 'CommandResult($action $targetId)';
}

/// The server refuses the command. [reason] is one of those in docs/protocol.md, such as `invalid_transition`.
final class CommandRejected implements Exception {
  const CommandRejected(this.action, this.targetId, this.reason, this.message);

  final String action;
  final String targetId;
  final String reason;

  /// A sentence for people.
  final String message;

  @override
  String toString() => 'CommandRejected($action $targetId: $reason: $message)';
}

/// No result came by the deadline. The command may have been carried out, or may not.
final class CommandTimeout extends TimeoutException {
  CommandTimeout(super.message, [super.duration]);
}

const requestActions = {'add_download', 'get_download', 'list_downloads', 'publish'};
const maxCommandCharacters = 4096;
const maxRequestCharacters = 16 * 1024;

/// Returns a random text, of two digits for each byte.
String randomHex(int bytes) {
  final random = Random.secure();
  return [for (var i = 0; i < bytes; i++) random.nextInt(256).toRadixString(16).padLeft(2, '0')].join();
}

/// The commands without a result yet.
final class Commands {
  final _pending = <String, _Pending>{};

  /// Messages to send again on a new connection. By its command_id the server recognises each.
  List<String> get texts => [for (final command in _pending.values) command.text];

  /// Sends a command, now or when there is a connection. Throws [CommandRejected], [CommandTimeout], and ArgumentError
  /// for one that the server would not read.
  Future<CommandResult> request(
    bool Function(String text) send,
    String action,
    Map<String, String> target,
    Map<String, Object?> members,
    Duration deadline,
  ) async {
    final commandId = randomHex(16);
    final targetId = target.values.firstOrNull ?? '';
    final text = jsonEncode({'action': action, ...target, 'command_id': commandId, ...members});
    final limit = requestActions.contains(action) ? maxRequestCharacters : maxCommandCharacters;
    if (text.length > limit) throw ArgumentError('$action: a message has at most $limit characters: use REST');
    final command = _Pending(text);
    _pending[commandId] = command;
    final Map<String, Object?>? result;
    try {
      send(command.text);
      result = await command.result.future.timeout(deadline);
    } on TimeoutException {
      throw CommandTimeout('$action $targetId: no answer', deadline);
    } finally {
      _pending.remove(commandId);
    }
    if (result == null) throw CommandTimeout('$action $targetId: disconnected before the answer came');
    if (result['status'] == 'accepted') return CommandResult(action, targetId, result);
    throw CommandRejected(action, targetId, '${result['reason']}', '${result['message']}');
  }

  /// Gives [text] to the command whose result it is. False if there is none.
  bool takeResult(String text) {
    if (_pending.isEmpty || !text.startsWith('{"type":"command_result"')) return false;
    final Object? result;
    try {
      result = jsonDecode(text);
    } on FormatException {
      return false;
    }
    final command = result is Map<String, Object?> ? _pending.remove(result['command_id']) : null;
    if (command == null) return false;
    command.result.complete(result as Map<String, Object?>);
    return true;
  }

  /// Ends all of them: no result will come.
  void giveUp() {
    for (final command in _pending.values) {
      command.result.complete(null);
    }
    _pending.clear();
  }
}

final class _Pending {
  _Pending(this.text);

  final String text;
  final result = Completer<Map<String, Object?>?>();
}
