part of 'events.dart';

/// An event about one download.
sealed class DownloadEvent extends GatewayEvent {
  DownloadEvent._(super.raw)
      : downloadId = raw.need<String>('download_id'),
        attempt = raw.maybe<int>('attempt'),
        receivedBytes = raw.maybe<int>('received_bytes'),
        totalBytes = raw.maybe<int>('total_bytes'),
        super._();

  final String downloadId;

  /// One life of a download, from queued to its end; counts from 1.
  final int? attempt;
  final int? receivedBytes;
  final int? totalBytes;
}

/// How far it is. [progress]: 0.0 to 1.0, and 0.0 while the size is unknown; [speed]: bytes a second.
final class DownloadProgress extends DownloadEvent {
  DownloadProgress._(super.raw)
      : progress = raw.need<num>('progress').toDouble(),
        speed = raw.need<int>('speed'),
        super._();

  final double progress;
  final int speed;
}

/// A change of state. [change] counts those of one download; [url] is without user name and password.
sealed class DownloadChange extends DownloadEvent {
  DownloadChange._(super.raw)
      : change = raw.maybe<int>('change'),
        name = raw.maybe<String>('name'),
        url = raw.maybe<String>('url'),
        super._();

  final int? change;
  final String? name;
  final String? url;
}

/// It waits for a worker; after a transient failure, for its next try.
final class DownloadQueued extends DownloadChange {
  DownloadQueued._(super.raw)
      : startAt = raw.maybe<num>('start_at')?.toDouble(),
        retryAt = raw.maybe<num>('retry_at')?.toDouble(),
        errorMessage = raw.maybe<String>('error_message'),
        retries = raw.maybe<int>('retries'),
        super._();

  /// No worker takes it before, in seconds since 1970.
  final double? startAt;

  /// The time of the next try, in seconds since 1970.
  final double? retryAt;

  /// The reason of the last failure.
  final String? errorMessage;

  /// The number of tries so far.
  final int? retries;
}

/// A worker has begun.
final class DownloadStarted extends DownloadChange {
  DownloadStarted._(super.raw) : super._();
}

/// It continues after a pause.
final class DownloadResumed extends DownloadChange {
  DownloadResumed._(super.raw) : super._();
}

/// It waits to be resumed.
final class DownloadPaused extends DownloadChange {
  DownloadPaused._(super.raw)
      : startAt = raw.maybe<num>('start_at')?.toDouble(),
        super._();

  /// No worker takes it before, once it is resumed, in seconds since 1970.
  final double? startAt;
}

/// It is done. [filePath]: the path of the file, as the server sees it.
final class DownloadComplete extends DownloadChange {
  DownloadComplete._(super.raw)
      : filePath = raw.need<String>('file_path'),
        super._();

  final String filePath;
}

/// It failed. [errorMessage]: a sentence for people.
final class DownloadError extends DownloadChange {
  DownloadError._(super.raw)
      : errorMessage = raw.need<String>('error_message'),
        super._();

  final String errorMessage;
}

/// It was cancelled by a command.
final class DownloadCancelled extends DownloadChange {
  DownloadCancelled._(super.raw) : super._();
}

/// Its record is gone.
final class DownloadDeleted extends DownloadChange {
  DownloadDeleted._(super.raw) : super._();
}
