import 'dart:convert';

import 'members.dart';

part 'download_events.dart';
part 'job_events.dart';

/// Any event that a client receives. An optional member is null where it was not sent (docs/protocol.md).
///
/// ```text
/// GatewayEvent
/// ├─ DownloadEvent        about one download
/// │  ├─ DownloadProgress
/// │  └─ DownloadChange    a change of state
/// │     ├─ DownloadQueued, DownloadStarted, DownloadResumed, DownloadPaused
/// │     └─ DownloadComplete, DownloadError, DownloadCancelled, DownloadDeleted
/// ├─ JobEvent             about one job of any other kind
/// │  ├─ JobProgress
/// │  └─ JobChange
/// │     ├─ JobQueued, JobStarted
/// │     └─ JobComplete, JobError, JobCancelled, JobDeleted
/// └─ OtherEvent           of another type, or with a member that isn't of its promised type
/// ```
sealed class GatewayEvent {
  GatewayEvent._(this.raw)
      : type = raw.maybe<String>('type'),
        eventId = raw.maybe<String>('event_id'),
        channel = raw.maybe<String>('channel');

  GatewayEvent._unchecked(this.raw)
      : type = raw.ifIs<String>('type'),
        eventId = raw.ifIs<String>('event_id'),
        channel = raw.ifIs<String>('channel');

  /// All members, as they were sent.
  final Map<String, Object?> raw;
  final String? type;
  final String? eventId;
  final String? channel;

  /// The message as an event; null where it is no JSON object.
  static GatewayEvent? parse(String text) {
    try {
      final Object? message = jsonDecode(text);
      return message is Map<String, Object?> ? GatewayEvent.fromMembers(message) : null;
    } on FormatException {
      return null;
    }
  }

  /// The event of a decoded message.
  static GatewayEvent fromMembers(Map<String, Object?> members) {
    try {
      return switch (members['type']) {
        'download_progress' => DownloadProgress._(members),
        'download_queued' => DownloadQueued._(members),
        'download_started' => DownloadStarted._(members),
        'download_resumed' => DownloadResumed._(members),
        'download_paused' => DownloadPaused._(members),
        'download_complete' => DownloadComplete._(members),
        'download_error' => DownloadError._(members),
        'download_cancelled' => DownloadCancelled._(members),
        'download_deleted' => DownloadDeleted._(members),
        'job_progress' => JobProgress._(members),
        'job_queued' => JobQueued._(members),
        'job_started' => JobStarted._(members),
        'job_complete' => JobComplete._(members),
        'job_error' => JobError._(members),
        'job_cancelled' => JobCancelled._(members),
        'job_deleted' => JobDeleted._(members),
        _ => OtherEvent._(members),
      };
    } on FormatException {
      return OtherEvent._(members);
    }
  }

  @override
  String toString() => '$runtimeType(${jsonEncode(raw)})';
}

/// An event of another type, such as `command_result`, `error` or one of your own.
final class OtherEvent extends GatewayEvent {
  OtherEvent._(super.raw) : super._unchecked();
}
