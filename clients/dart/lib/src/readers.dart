import 'dart:async';
import 'dart:collection';

import 'events.dart';

/// A listener of `events` was paused while more messages came than may wait. Its stream has ended; listen again.
final class SlowReaderException implements Exception {
  const SlowReaderException(this.maxCharacters);

  final int maxCharacters;

  @override
  String toString() => 'more than $maxCharacters characters of messages waited for a paused listener: listen again';
}

/// The listeners of a client's events. Each has a queue of its own, bounded in characters.
final class Readers {
  Readers(this._maxCharacters);

  final int _maxCharacters;
  final _readers = <_Reader>{};

  /// A stream with any number of listeners. Each gets the events from the moment at which it begins to listen.
  Stream<GatewayEvent> get events => Stream.multi((controller) {
        final reader = _Reader(controller, _maxCharacters);
        _readers.add(reader);
        controller
          ..onResume = reader.flush
          ..onCancel = () => _readers.remove(reader);
      });

  /// Gives the message to all listeners. Text that is no JSON object is left out.
  void add(String text) {
    if (_readers.isEmpty) return;
    final event = GatewayEvent.parse(text);
    if (event == null) return;
    for (final reader in [..._readers]) {
      if (!reader.add(event, text.length)) _readers.remove(reader);
    }
  }
}

final class _Reader {
  _Reader(this._controller, this._maxCharacters);

  final MultiStreamController<GatewayEvent> _controller;
  final int _maxCharacters;
  final _waiting = Queue<(GatewayEvent, int)>();
  int _characters = 0;

  /// False once too much waits: the stream has ended with an error.
  bool add(GatewayEvent event, int characters) {
    _waiting.add((event, characters));
    _characters += characters;
    flush();
    if (_characters <= _maxCharacters) return true;
    _waiting.clear();
    _controller
      ..addError(SlowReaderException(_maxCharacters))
      ..close();
    return false;
  }

  /// Delivers until the listener pauses.
  void flush() {
    while (_waiting.isNotEmpty && !_controller.isPaused) {
      final (event, characters) = _waiting.removeFirst();
      _characters -= characters;
      _controller.addSync(event);
    }
  }
}
