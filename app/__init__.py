"""A front-end: one subscription to Redis, fanned out to every client that is connected here."""
