"""The Lua library's sources; simulcast/library.py puts them together."""
