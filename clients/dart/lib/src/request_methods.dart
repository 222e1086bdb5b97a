import 'command_methods.dart';
import 'commands.dart';
import 'downloads.dart';
import 'members.dart';

const _deadline = Duration(seconds: 10);

/// Methods whose answer has content. Each throws as [CommandMethods] do, and ArgumentError for a message that is too
/// large for the server. A connection that is lost meanwhile does no harm: the request is sent again, and carried out
/// once.
mixin RequestMethods on CommandMethods {
  /// Queues a download, or returns the one of the same URL and options, unless [again].
  ///
  /// [downloadId]: an id of your own, with which a later call gets the same download. The others are those of
  /// `POST /downloads` (docs/protocol.md). The reason of a rejection is `invalid_member` for one that makes no sense,
  /// and `conflict` for an id that is another download's.
  Future<Download> add(
    String url, {
    String? downloadId,
    int priority = 0,
    bool again = false,
    String? name,
    String? folder,
    String? checksum,
    int? limitBytesPerS,
    double? startAt,
    Map<String, String>? headers,
    String? bearer,
    ({String user, String password})? basic,
    String? proxy,
    String? owner,
    String? channel,
    String? callbackUrl,
    Duration deadline = _deadline,
  }) async {
    final answer = await command('add_download', deadline: deadline, members: {
      'url': url,
      'download_id': downloadId ?? randomHex(8), // a repetition is recognised by it
      if (priority != 0) 'priority': priority,
      if (again) 'again': true,
      if (name != null) 'name': name,
      if (folder != null) 'folder': folder,
      if (checksum != null) 'checksum': checksum,
      if (limitBytesPerS != null) 'limit_bytes_per_s': limitBytesPerS,
      if (startAt != null) 'start_at': startAt,
      if (headers != null) 'headers': headers,
      if (bearer != null) 'bearer': bearer,
      if (basic != null) 'basic': {'user': basic.user, 'password': basic.password},
      if (proxy != null) 'proxy': proxy,
      if (owner != null) 'owner': owner,
      if (channel != null) 'channel': channel,
      if (callbackUrl != null) 'callback_url': callbackUrl,
    });
    return Download.fromMembers(answer.members.need<Map<String, Object?>>('download'));
  }

  /// Returns one download. The reason of a rejection is `unknown_download` if there is none.
  Future<Download> get(String downloadId, {String? channel, Duration deadline = _deadline}) async {
    final answer = await command('get_download', deadline: deadline, members: {
      'download_id': downloadId,
      if (channel != null) 'channel': channel,
    });
    return Download.fromMembers(answer.members.need<Map<String, Object?>>('download'));
  }

  /// Returns a page of downloads, the newest first, or as the parameters of `GET /downloads` say.
  ///
  /// [cursor]: the `nextCursor` of the page before, in place of [offset]. [limit]: at most 500. [deadline]: for each of the answers of 64 KiB that make the page up.
  Future<DownloadPage> list({
    String? state,
    String? sort,
    String? order,
    String? owner,
    String? search,
    String? cursor,
    int offset = 0,
    int limit = 100,
    String? channel,
    Duration deadline = _deadline,
  }) async {
    final downloads = <Download>[];
    var place = cursor;
    while (true) {
      final answer = await command('list_downloads', deadline: deadline, members: {
        if (state != null) 'state': state,
        if (sort != null) 'sort': sort,
        if (order != null) 'order': order,
        if (owner != null) 'owner': owner,
        if (search != null) 'search': search,
        if (channel != null) 'channel': channel,
        if (place != null) 'cursor': place else 'offset': offset + downloads.length,
        'limit': limit - downloads.length,
      });
      final records = answer.members.need<List<Object?>>('downloads');
      final total = answer.members.need<int>('total');
      downloads.addAll(records.map((record) => Download.fromMembers(record! as Map<String, Object?>)));
      place = answer.members['next_cursor'] as String?;
      final isComplete = answer.members['is_complete'] != false;
      final isLast = answer.members.containsKey('next_cursor') && place == null;
      final isCutShort = search != null && !isComplete;
      if (isLast || isCutShort || records.isEmpty || downloads.length >= limit || offset + downloads.length >= total) {
        return DownloadPage(downloads, total, nextCursor: place, isComplete: isComplete);
      }
    }
  }

  /// Publishes an event, where the token allows that, and returns its `event_id`.
  ///
  /// The options are those of `POST /publish` (docs/publishing.md). Events of more than about 16 KiB go by REST.
  Future<String> publish(
    Map<String, Object?> event, {
    String? channel,
    String key = '',
    String? idempotencyKey,
    int? ttlS,
    bool ends = false,
    Duration deadline = _deadline,
  }) async {
    final answer = await command('publish', deadline: deadline, members: {
      if (channel != null) 'channel': channel,
      'event': event,
      if (key.isNotEmpty) 'key': key,
      'idempotency_key': idempotencyKey ?? randomHex(8), // once, though it may be sent again
      if (ttlS != null) 'ttl_s': ttlS,
      if (ends) 'ends': true,
    });
    return answer.members.need<String>('published');
  }

  /// Follows one more channel: from its snapshot on, or from the position [since]. Events name their channel then. A
  /// new connection follows it too.
  ///
  /// The reason of a rejection is `not_allowed`, `too_many_channels` or `unavailable`.
  Future<void> subscribe(String channel, {String? since, Duration deadline = _deadline}) async {
    final answer = await command(
      'subscribe',
      target: {'channel': channel},
      deadline: deadline,
      members: {if (since != null) 'since': since},
    );
    follow(answer.members.need<List<Object?>>('channels').cast<String>(), channel);
  }

  /// Follows a channel no longer. Harmless if it isn't followed.
  Future<void> unsubscribe(String channel, {Duration deadline = _deadline}) async {
    final answer = await command('unsubscribe', target: {'channel': channel}, deadline: deadline);
    follow(answer.members.need<List<Object?>>('channels').cast<String>(), '');
  }

  /// Takes over all channels of this connection, to which [added] has come, '' for none.
  void follow(List<String> channels, String added);
}
