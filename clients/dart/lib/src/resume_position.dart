/// How far a client has read, so that after a loss it misses no event and gets none twice.
///
/// In each channel, '' for events that carry none, it keeps the largest offset of each epoch, the epoch of the newest
/// event last. Within an epoch offsets rise. Epochs compare by equality only, and the client resumes in the last one.
final class ResumePosition {
  // The server puts event_id first (docs/protocol.md), so that no message has to be parsed for it. An offset counts
  // events; one with more digits is none.
  static final _event = RegExp(r'^\{"event_id":"([^"\\]{1,128})-([0-9]{1,15})"(?:,"channel":"([\w.:-]{1,100})")?');
  static final _mark = RegExp(r'^\{"type":"(?:hello|position)"');
  static final _position =
      RegExp(r'^\{"type":"position","position":"([^"\\]{1,128})-([0-9]{1,15})"(?:,"channel":"([\w.:-]{1,100})")?');

  /// Of one channel. A snapshot may hold events of several, from the last ten minutes.
  static const maxEpochs = 64;

  final _offsets = <String, Map<String, int>>{};
  Map<String, Map<String, int>> _before = {}; // those of earlier connections: events up to there are repeats
  String _alone = ''; // the channel of events that carry none, once it is known

  /// Those that a new connection follows; none for those of its URL.
  List<String> channels = const [];

  /// The value of `since`, `7-3` or `a:7-3,b:7-1`; null before the first event.
  String? get since {
    final positions = _offsets.map((channel, offsets) => MapEntry(channel, '${offsets.keys.last}-${offsets.values.last}'));
    final named = [
      for (final MapEntry(key: channel, value: position) in positions.entries)
        if (channel.isNotEmpty) '$channel:$position',
    ];
    return named.isEmpty ? positions[''] : named.join(',');
  }

  /// Begins a connection: events up to here may come again, in a snapshot, and count as repeats then.
  void begin() {
    _before = _offsets.map((channel, offsets) => MapEntry(channel, {...offsets}));
    _alone = channels.length == 1 ? channels.single : '';
  }

  /// Takes over all channels of this connection, to which [added] has come, '' for none, and drops the others.
  ///
  /// The first time they tell the channel of the events that carried none.
  void follow(List<String> followed, String added) {
    final owner = followed.firstWhere((channel) => channel != added, orElse: () => added);
    if (channels.isEmpty && owner.isNotEmpty) {
      _alone = owner;
      for (final positions in [_offsets, _before]) {
        positions.remove('')?.forEach((epoch, offset) => _put(positions, owner, epoch, offset));
      }
    }
    channels = [...followed];
    for (final positions in [_offsets, _before]) {
      positions.removeWhere((channel, _) => channel.isNotEmpty && !followed.contains(channel));
    }
  }

  /// Returns true for a mark of the server, which is no message for the program. Records a mark of a position.
  bool readMark(String text) {
    if (!_mark.hasMatch(text)) return false;
    final match = _position.firstMatch(text);
    if (match != null) _see(match);
    return true;
  }

  /// Records one message. False for a repeat: an earlier connection brought its offset, or a larger one, of its epoch.
  bool isNew(String text) {
    final match = _event.firstMatch(text);
    if (match == null) return true;
    final before = _before[match[3] ?? _alone]?[match[1]!];
    if (before != null && int.parse(match[2]!) <= before) return false;
    _see(match);
    return true;
  }

  void _see(RegExpMatch match) => _put(_offsets, match[3] ?? _alone, match[1]!, int.parse(match[2]!));

  static void _put(Map<String, Map<String, int>> positions, String channel, String epoch, int offset) {
    final offsets = positions.putIfAbsent(channel, () => {});
    final earlier = offsets.remove(epoch);
    offsets[epoch] = earlier != null && earlier > offset ? earlier : offset;
    if (offsets.length > maxEpochs) offsets.remove(offsets.keys.first);
  }
}
