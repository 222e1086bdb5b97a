"""The Lua library's sources; simulcast/store/functions.py puts them together."""
