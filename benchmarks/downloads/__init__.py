"""Downloads from a local nginx: ours beside aria2c and curl, on the same disk, from the same server."""
