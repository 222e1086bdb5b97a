// Messages of the server, made of simulcast/model/messages.py by python -m tests.gateway_js.test_types.

/** The members of every event of a download or a job. */
export interface StoredEvent {
  /** The position: absent from events that were published past the service. */
  event_id?: string;
  /** Where the connection follows several channels. */
  channel?: string;
  /** One life, from queued to its end; counts from 1. */
  attempt?: number;
  name?: string;
  /** The user whose it is, where one was named. */
  owner?: string;
  /** The cause, as W3C Trace Context has it, where it is known. */
  traceparent?: string;
  /** The command that asked for it. */
  command_id?: string;
}

/** The members of every event of a download. */
export interface DownloadEventBase extends StoredEvent {
  download_id: string;
  received_bytes?: number;
  /** Null while it is unknown. */
  total_bytes?: number | null;
}

/** A download goes on. */
export interface DownloadProgress extends DownloadEventBase {
  type: "download_progress";
  /** 0.0 to 1.0, and 0.0 while that is unknown. */
  progress: number;
  /** Bytes a second. */
  speed: number;
  /** While the file is read for its checksum. */
  phase?: "checksum";
  checked_bytes?: number;
}

/** The members of every change of a download's state. */
export interface DownloadChange extends DownloadEventBase {
  /** Numbers the changes that the service recorded. */
  change?: number;
  /** Without user name and password. */
  url?: string;
  /** 0.0 to 1.0, and 0.0 while that is unknown. */
  progress?: number;
  /** Bytes a second. */
  speed?: number;
  /** The command that came too late. */
  overtaken?: "pause" | "cancel" | "relink";
}

/** A download waits for a worker: from its start on, and after a failure for its next try. Its place may change. */
export interface DownloadQueued extends DownloadChange {
  type: "download_queued";
  /** Higher ones go first. */
  priority?: number;
  /** Its place: the lowest of those that wait goes first. */
  queue_rank?: number;
  /** No worker takes it before: seconds since 1970. */
  start_at?: number;
  /** Seconds since 1970. */
  retry_at?: number;
  /** Why the try before it failed. */
  error_message?: string;
  retries?: number;
}

/** A worker has begun. */
export interface DownloadStarted extends DownloadChange {
  type: "download_started";
}

/** A download continues after a pause. */
export interface DownloadResumed extends DownloadChange {
  type: "download_resumed";
}

/** A download waits to be resumed. */
export interface DownloadPaused extends DownloadChange {
  type: "download_paused";
  /** No worker takes it before: seconds since 1970. */
  start_at?: number;
}

/** The file is there. */
export interface DownloadComplete extends DownloadChange {
  type: "download_complete";
  /** As the server sees it. */
  file_path: string;
}

/** A download failed. */
export interface DownloadError extends DownloadChange {
  type: "download_error";
  /** A sentence for people. */
  error_message: string;
}

/** A download was cancelled by a command. */
export interface DownloadCancelled extends DownloadChange {
  type: "download_cancelled";
}

/** The record of a download is gone. */
export interface DownloadDeleted extends DownloadChange {
  type: "download_deleted";
  /** Where the service itself removed it. */
  reason?: "too_many";
}

/** The members of every event of a job of another kind: `done` of `total` `unit`s are done. */
export interface JobEventBase extends StoredEvent {
  job_id: string;
  kind?: string;
  done?: number;
  total?: number;
  unit?: string;
  /** Its present step, for people. */
  message?: string;
}

/** A job goes on. */
export interface JobProgress extends JobEventBase {
  type: "job_progress";
  /** 0.0 to 1.0, and 0.0 while that is unknown. */
  progress: number;
}

/** The members of every change of a job's state. */
export interface JobChange extends JobEventBase {
  /** Numbers the changes that the service recorded. */
  change?: number;
  /** 0.0 to 1.0, and 0.0 while that is unknown. */
  progress?: number;
  /** The command that came too late. */
  overtaken?: "pause" | "cancel" | "relink";
}

/** A process will start it. */
export interface JobQueued extends JobChange {
  type: "job_queued";
  /** Why the attempt before it failed. */
  error_message?: string;
}

/** A process has begun. */
export interface JobStarted extends JobChange {
  type: "job_started";
}

/** A job is done. */
export interface JobComplete extends JobChange {
  type: "job_complete";
  result?: unknown;
}

/** A job failed, or its process was lost. */
export interface JobError extends JobChange {
  type: "job_error";
  /** A sentence for people. */
  error_message: string;
}

/** A job was cancelled. */
export interface JobCancelled extends JobChange {
  type: "job_cancelled";
}

/** A job was removed from the list. */
export interface JobDeleted extends JobChange {
  type: "job_deleted";
}

/** The first message of a channel in simulcast.v1. */
export interface Hello {
  type: "hello";
  channel: string;
  position: string;
  /** True: all missed events follow; false: the snapshot does. */
  recovered: boolean;
  ping_interval_s: number;
}

/** The position of a quiet channel, in simulcast.v1. */
export interface PositionMark {
  type: "position";
  position: string;
  /** Where the connection follows several channels. */
  channel?: string;
}

/** The present state of one download. Times are seconds since 1970, sizes are bytes. `retries`: failed tries of the present attempt. `retry_at`: time of the next try, while the download waits for it; `error_message` is then the reason of the last failure. `limit_bytes_per_s`: null for no limit of its own. `phase`: `checksum` while the file is read for its checksum. `start_at`: no worker takes it before. `owner`: the user who added it, null for nobody in particular. `queue_rank`: the place in the queue while it waits: workers claim the lowest first. `folder`: below the channel's download folder, in which the file is, or will be; null for that itself. */
export interface Download {
  download_id: string;
  url: string;
  name: string;
  state: "queued" | "running" | "paused" | "complete" | "error" | "cancelled";
  attempt: number;
  progress: number;
  speed: number;
  received_bytes: number;
  total_bytes: number | null;
  error_message: string | null;
  file_path: string | null;
  folder: string | null;
  worker: string | null;
  priority: number;
  queue_rank: number;
  retries: number;
  retry_at: number | null;
  limit_bytes_per_s: number | null;
  phase: string | null;
  start_at: number | null;
  owner: string | null;
  created_at: number;
  updated_at: number;
  /** Seconds to go at the present speed; null if speed or size is unknown. */
  eta_s: number | null;
}

/** The record of a submission. `existing`: it is an earlier download of the same URL and options. */
export interface AddedDownload extends Download {
  existing: boolean;
}

/** The answer to a command: accepted means recorded; rejected has a reason, and a message for people. */
export interface CommandResult {
  type: "command_result";
  action: string;
  status: "accepted" | "rejected";
  /** The command that asked for it. */
  command_id?: string;
  download_id?: string;
  job_id?: string;
  channel?: string;
  reason?: "unknown_download" | "unknown_job" | "invalid_transition" | "unavailable" | "not_allowed" | "invalid_url" | "invalid_member" | "conflict" | "too_many_channels" | "not_waiting" | "invalid_item" | "not_an_object" | "invalid_event" | "too_large" | "invalid_channel" | "not_allowed" | "unavailable";
  message?: string;
  /** Of add_download and get_download. */
  download?: AddedDownload | Download | null;
  /** Of list_downloads. */
  downloads?: Download[];
  /** The number of all that match; of a search, of those looked at. */
  total?: number;
  /** The `cursor` of the next page. */
  next_cursor?: string | null;
  /** False where some that match may be missing. */
  is_complete?: boolean;
  /** Of publish: the event_id. */
  published?: string;
  /** Of subscribe and unsubscribe: all that are followed. */
  channels?: string[];
}

/** JSON that is no command. */
export interface CommandError {
  type: "error";
  code: "invalid_json" | "not_an_object" | "missing_member" | "invalid_member" | "unknown_action" | "too_large" | "rate_limited";
  message: string;
}

export type DownloadEvent =
  | DownloadProgress
  | DownloadQueued
  | DownloadStarted
  | DownloadResumed
  | DownloadPaused
  | DownloadComplete
  | DownloadError
  | DownloadCancelled
  | DownloadDeleted;

export type JobEvent =
  | JobProgress
  | JobQueued
  | JobStarted
  | JobComplete
  | JobError
  | JobCancelled
  | JobDeleted;

export type ServerMessage =
  | DownloadProgress
  | DownloadQueued
  | DownloadStarted
  | DownloadResumed
  | DownloadPaused
  | DownloadComplete
  | DownloadError
  | DownloadCancelled
  | DownloadDeleted
  | JobProgress
  | JobQueued
  | JobStarted
  | JobComplete
  | JobError
  | JobCancelled
  | JobDeleted
  | Hello
  | PositionMark
  | CommandResult
  | CommandError;
