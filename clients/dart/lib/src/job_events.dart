part of 'events.dart';

/// An event about one job that is no download. [done] of [total] [unit]s are done.
sealed class JobEvent extends GatewayEvent {
  JobEvent._(super.raw)
      : jobId = raw.need<String>('job_id'),
        kind = raw.maybe<String>('kind'),
        name = raw.maybe<String>('name'),
        attempt = raw.maybe<int>('attempt'),
        done = raw.maybe<num>('done')?.toDouble(),
        total = raw.maybe<num>('total')?.toDouble(),
        unit = raw.maybe<String>('unit'),
        message = raw.maybe<String>('message'),
        super._();

  final String jobId;
  final String? kind;
  final String? name;

  /// One run of the job, from queued to its end; counts from 1.
  final int? attempt;
  final double? done;
  final double? total;
  final String? unit;
  final String? message;
}

/// How far it is. [progress]: 0.0 to 1.0, and 0.0 while that is unknown.
final class JobProgress extends JobEvent {
  JobProgress._(super.raw)
      : progress = raw.need<num>('progress').toDouble(),
        super._();

  final double progress;
}

/// A change of state. [change] counts those of one job.
sealed class JobChange extends JobEvent {
  JobChange._(super.raw)
      : change = raw.maybe<int>('change'),
        progress = raw.maybe<num>('progress')?.toDouble(),
        super._();

  final int? change;
  final double? progress;
}

/// A process will start it. [errorMessage]: the reason why it is tried again.
final class JobQueued extends JobChange {
  JobQueued._(super.raw)
      : errorMessage = raw.maybe<String>('error_message'),
        super._();

  final String? errorMessage;
}

/// A process has begun.
final class JobStarted extends JobChange {
  JobStarted._(super.raw) : super._();
}

/// It is done.
final class JobComplete extends JobChange {
  JobComplete._(super.raw) : super._();

  /// Its result, if it has one: any JSON.
  Object? get result => raw['result'];
}

/// It failed, or its process was lost. [errorMessage]: a sentence for people.
final class JobError extends JobChange {
  JobError._(super.raw)
      : errorMessage = raw.need<String>('error_message'),
        super._();

  final String errorMessage;
}

/// It was cancelled.
final class JobCancelled extends JobChange {
  JobCancelled._(super.raw) : super._();
}

/// It was removed from the list.
final class JobDeleted extends JobChange {
  JobDeleted._(super.raw) : super._();
}
