"""Task queues of other projects, one file each: their tasks are jobs that clients follow."""
