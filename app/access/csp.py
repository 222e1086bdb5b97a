"""What a page of this service may load and run (Content Security Policy Level 3). Decides; does no I/O."""

import re
from base64 import b64encode
from hashlib import sha256

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_security_policy(html: str) -> str:
    """Nothing from elsewhere, and of what stands between the page's own `<script>` and `</script>` nothing but that."""
    digests = [b64encode(sha256(text.encode()).digest()).decode() for text in _SCRIPT.findall(html)]
    scripts = "".join(f" 'sha256-{digest}'" for digest in digests)
    return f"default-src 'self'; script-src 'self'{scripts}; frame-ancestors 'none'; base-uri 'none'"
