import 'members.dart';

/// The present state of one download, as the server records it (docs/protocol.md, "REST").
///
/// [state]: queued, running, paused, complete, error or cancelled. Times are seconds since 1970, sizes are bytes.
class Download {
  /// Throws [FormatException] for members that are not those of a record.
  Download.fromMembers(this.raw)
      : downloadId = raw.need<String>('download_id'),
        url = raw.need<String>('url'),
        name = raw.need<String>('name'),
        state = raw.need<String>('state'),
        attempt = raw.need<int>('attempt'),
        progress = raw.need<num>('progress').toDouble(),
        speed = raw.need<int>('speed'),
        receivedBytes = raw.need<int>('received_bytes'),
        totalBytes = raw.maybe<int>('total_bytes'),
        errorMessage = raw.maybe<String>('error_message'),
        filePath = raw.maybe<String>('file_path'),
        folder = raw.maybe<String>('folder'),
        worker = raw.maybe<String>('worker'),
        priority = raw.need<int>('priority'),
        queueRank = raw.maybe<num>('queue_rank')?.toDouble(),
        retries = raw.need<int>('retries'),
        retryAt = raw.maybe<num>('retry_at')?.toDouble(),
        limitBytesPerS = raw.maybe<int>('limit_bytes_per_s'),
        phase = raw.maybe<String>('phase'),
        startAt = raw.maybe<num>('start_at')?.toDouble(),
        owner = raw.maybe<String>('owner'),
        createdAt = raw.need<num>('created_at').toDouble(),
        updatedAt = raw.need<num>('updated_at').toDouble(),
        etaS = raw.maybe<int>('eta_s'),
        existing = raw.maybe<bool>('existing');

  /// All members, as they were sent.
  final Map<String, Object?> raw;
  final String downloadId;
  final String url;
  final String name;
  final String state;
  final int attempt;
  final double progress;
  final int speed;
  final int receivedBytes;
  final int? totalBytes;
  final String? errorMessage;
  final String? filePath;
  final String? folder;
  final String? worker;
  final int priority;
  final double? queueRank;
  final int retries;
  final double? retryAt;
  final int? limitBytesPerS;
  final String? phase;
  final double? startAt;
  final String? owner;
  final double createdAt;
  final double updatedAt;
  final int? etaS;

  /// Of one that was to be added: true if it was there before. Otherwise null.
  final bool? existing;

  @override
  String toString() => 'Download($downloadId $state $name)';
}

/// A page of downloads. [total]: the number of all that match; of a search, of those that were looked at.
///
/// [nextCursor]: for the next page, null behind the last one. [isComplete]: false where some that match may be missing.
final class DownloadPage {
  const DownloadPage(this.downloads, this.total, {this.nextCursor, this.isComplete = true});

  final List<Download> downloads;
  final int total;
  final String? nextCursor;
  final bool isComplete;
}
