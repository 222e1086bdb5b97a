import 'commands.dart';

const _deadline = Duration(seconds: 10);

/// The commands as methods. Each completes once the server has recorded the command.
///
/// Each throws [CommandRejected] where the server refuses, [CommandTimeout] without a result by the deadline, and
/// StateError if the client is neither connected nor trying to. A connection that is lost meanwhile does no harm: the
/// command is sent again, and carried out once.
mixin CommandMethods {
  /// Pauses a download that is queued or running.
  Future<CommandResult> pause(String downloadId, {Duration deadline = _deadline}) =>
      _ofDownload('pause_download', downloadId, deadline);

  /// Resumes a download that is paused.
  Future<CommandResult> resume(String downloadId, {Duration deadline = _deadline}) =>
      _ofDownload('resume_download', downloadId, deadline);

  /// Cancels a download that hasn't ended.
  Future<CommandResult> cancel(String downloadId, {Duration deadline = _deadline}) =>
      _ofDownload('cancel_download', downloadId, deadline);

  /// Begins a new attempt of a download that has failed or was cancelled.
  Future<CommandResult> retry(String downloadId, {Duration deadline = _deadline}) =>
      _ofDownload('retry_download', downloadId, deadline);

  /// Limits the speed of a download that isn't complete; 0 for no limit.
  Future<CommandResult> limit(String downloadId, int bytesPerS, {Duration deadline = _deadline}) =>
      _ofDownload('limit_download', downloadId, deadline, {'bytes_per_s': bytesPerS});

  /// Gives a download that isn't complete a fresh link: it goes on where the file is the same version.
  Future<CommandResult> relink(String downloadId, String url, {Duration deadline = _deadline}) =>
      _ofDownload('relink_download', downloadId, deadline, {'url': url});

  /// Moves a download that waits to another place in the queue: `'first'`, `'last'`, `{'before': id}` or `{'after': id}`.
  Future<CommandResult> move(String downloadId, Object position, {Duration deadline = _deadline}) =>
      _ofDownload('move_download', downloadId, deadline, {'position': position});

  /// Changes the priority of a download that waits: -9 to 9.
  Future<CommandResult> prioritize(String downloadId, int priority, {Duration deadline = _deadline}) =>
      _ofDownload('prioritize_download', downloadId, deadline, {'priority': priority});

  /// Lets a download that waits or is paused begin no sooner than at [startAt], in seconds since 1970; null for now.
  Future<CommandResult> schedule(String downloadId, double? startAt, {Duration deadline = _deadline}) =>
      _ofDownload('schedule_download', downloadId, deadline, {'start_at': startAt});

  /// Changes the name that the file of a download that waits or is paused will get.
  Future<CommandResult> rename(String downloadId, String name, {Duration deadline = _deadline}) =>
      _ofDownload('rename_download', downloadId, deadline, {'name': name});

  /// Forgets a download that doesn't run; with [file] its file goes too.
  Future<CommandResult> delete(String downloadId, {bool file = false, Duration deadline = _deadline}) =>
      _ofDownload('delete_download', downloadId, deadline, {if (file) 'file': true});

  /// Forgets all downloads that have ended; files stay.
  Future<CommandResult> clearFinished({Duration deadline = _deadline}) => command('clear_finished', deadline: deadline);

  /// Asks the process that runs a job to end it; one that is queued ends immediately. [channel]: `downloads`.
  Future<CommandResult> cancelJob(String jobId, {String? channel, Duration deadline = _deadline}) =>
      command('cancel_job',
          target: {'job_id': jobId}, members: {if (channel != null) 'channel': channel}, deadline: deadline);

  /// Removes a job that doesn't run from the list, for everyone.
  Future<CommandResult> removeJob(String jobId, {String? channel, Duration deadline = _deadline}) =>
      command('remove_job',
          target: {'job_id': jobId}, members: {if (channel != null) 'channel': channel}, deadline: deadline);

  Future<CommandResult> _ofDownload(String action, String downloadId, Duration deadline,
          [Map<String, Object?> members = const {}]) =>
      command(action, target: {'download_id': downloadId}, members: members, deadline: deadline);

  /// Sends any action with a `command_id`, and waits for its result.
  Future<CommandResult> command(
    String action, {
    Map<String, String> target,
    Map<String, Object?> members,
    Duration deadline,
  });
}
