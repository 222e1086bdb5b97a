/* What comes over one connection: frames, the dialects' envelopes, and the events in them. Part of clients.c. */

static void take_event(struct client *c, const char *at, uint64_t now) {
  uint64_t n = stamp_n(at), t = stamp_t(at);
  if (n < c->next) {
    round_.repeats++;
    return;
  }
  round_.gaps += n - c->next;
  int before = c->next < c->goal;
  c->next = n + 1;
  if (!round_.active) return;
  round_.deliveries++;
  if (!round_.first_t || t < round_.first_t) round_.first_t = t;
  round_.last = now;
  record(now > t ? now - t : 0);
  if (before && c->next >= c->goal) round_.waiting_for--;
}

/* The value of a member near the end (or the start) of what came last, to come back with. */
static void keep(char *to, size_t room, const char *from, size_t len, const char *member, int last) {
  const char *found = NULL, *at = from, *end = from + len;
  size_t name = strlen(member);
  while ((at = memmem(at, (size_t)(end - at), member, name))) {
    found = at += name;
    if (!last) break;
  }
  size_t i = 0;
  for (; found && found + i < end && i + 1 < room && !strchr("\",}", found[i]); i++) to[i] = found[i];
  if (found) to[i] = 0;
}

static void take_text(struct client *c, const char *text, size_t len, uint64_t now) {
  static size_t hints[2]; /* how far the first and each further event were from where the search began, last time */
  const char *at = text, *end = text + len;
  int further = 0;
  while (end - at >= STAMP_SIZE) {
    const char *found = at + hints[further];
    if (found + STAMP_SIZE > end || !is_stamp(found)) {
      for (found = at; (found = memmem(found, (size_t)(end - found), "\"n\":1", 5)); found++)
        if (end - found >= STAMP_SIZE && is_stamp(found)) break;
      if (!found) break;
      hints[further] = (size_t)(found - at);
    }
    take_event(c, found, now);
    at = found + STAMP_SIZE;
    further = 1;
  }
  if (dialect == SOCKETIO) {
    if (c->state == JOINING && text[0] == '0') say(c, 1, "40");
    else if (c->state == JOINING && len > 1 && text[0] == '4' && text[1] == '0') done_joining(c);
    else if (len == 1 && text[0] == '2') say(c, 1, "3");
  } else if (dialect == CENTRIFUGE) {
    if (c->state == JOINING && memmem(text, len, "\"connect\"", 9)) {
      keep(c->epoch, sizeof c->epoch, text, len, "\"epoch\":\"", 0);
      keep(c->id, sizeof c->id, text, len, "\"offset\":", 1);
      done_joining(c);
    } else if (len == 2) say(c, 1, "{}");
  }
}

/* Whole frames in buf[0..len); returns how many bytes they are. */
static size_t take_frames(struct client *c, size_t len) {
  size_t at = 0, last = 0, last_len = 0;
  uint64_t now = now_ns();
  while (len - at >= 2 && c->state != CLOSED) {
    unsigned char *head = (unsigned char *)buf + at;
    size_t size = head[1] & 127, start = 2;
    if (size == 126) {
      if (len - at < 4) break;
      size = (size_t)head[2] << 8 | head[3], start = 4;
    } else if (size == 127) {
      if (len - at < 10) break;
      size = 0, start = 10;
      for (int i = 2; i < 10; i++) size = size << 8 | head[i];
    }
    if (len - at < start + size) break;
    int opcode = head[0] & 15;
    if (opcode <= 2) {
      take_text(c, buf + at + start, size, now);
      last = at + start, last_len = size;
      round_.frames++;
    } else if (opcode == 9) {
      say_bytes(c, 10, buf + at + start, size); /* as RFC 6455 wants it, at most 125 bytes */
    } else if (opcode == 8) {
      lose(c);
    }
    at += start + size;
  }
  if (last_len > STAMP_SIZE) {
    if (dialect == PLAIN) keep(c->id, sizeof c->id, buf + last, last_len, "\"event_id\":\"", 0);
    if (dialect == CENTRIFUGE) keep(c->id, sizeof c->id, buf + last, last_len, "\"offset\":", 1);
  }
  return at;
}
